"""The floors hold when modules are really imported: heavy libraries are loaded only where a target needs them.

import-linter checks the same on the source; this sees what happens, imports inside functions and by name included.
"""

import subprocess
import sys

import pytest

HEAVY = (
    "PIL", "cv2", "imagehash", "keras", "matplotlib", "onnx", "onnxruntime", "pandas", "pyarrow", "ray", "sklearn",
    "tensorflow", "tf2onnx", "torch",
)  # fmt: skip
READING = ("h5py", "scipy")  # loaded when a file asks for them
TERMINAL = ("rich", "typer")

FORBIDDEN = {
    "prototxt": (*HEAVY, *READING, *TERMINAL, "numpy", "converters"),
    "converters": (*HEAVY, *READING, *TERMINAL, "numpy"),
    "converters.errors": (*HEAVY, *READING, *TERMINAL, "numpy"),
    "converters.ops": (*HEAVY, *READING, *TERMINAL),
    "converters.ir": (*HEAVY, *READING, *TERMINAL),
    "converters.caffe.text": (*HEAVY, *READING, *TERMINAL, "numpy"),
    "converters.caffe.weights": (*HEAVY, *READING, *TERMINAL),
    "converters.from_caffe": (*HEAVY, *READING, *TERMINAL),
    "converters.passes": (*HEAVY, *READING, *TERMINAL),
    "converters.parity": (*HEAVY, *READING, *TERMINAL),
    "converters.cli": (*HEAVY, *READING, "numpy"),
    "heads": (*HEAVY, *READING, *TERMINAL, "numpy"),
    "heads.cli": (*HEAVY, *READING, "numpy"),
    "heads.command_line.commands": (*HEAVY, *READING, "numpy"),
    "heads.recipes": HEAVY,
    "weights": (*HEAVY, *READING, *TERMINAL, "numpy", "pooch", "requests"),
    "weights.cli": (*HEAVY, *READING, "numpy", "pooch", "requests"),
    "weights.command_line.commands": (*HEAVY, *READING, "numpy", "pooch", "requests"),
    "weights.naming": (*HEAVY, *READING, *TERMINAL, "requests"),
}


def loaded(module: str) -> set[str]:
    """Import a module in a fresh process and name every top-level package that this loaded."""
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", FORBIDDEN)
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert loaded(module) & set(FORBIDDEN[module]) == set()
