"""Speed and memory of conversions to ONNX: this project's, caffe2onnx, tf2onnx and torch.onnx.export.

    python -m benchmarks.studies.conversion [--divisors 16 4 2 1] [--model PROTOTXT CAFFEMODEL] [--rounds 3]
                                    [--caffe2onnx-python PYTHON] [--memory-gb 12] [--minutes 10] [--folder DIR]

Prints a Markdown table for each network: VGG-Face with so many times fewer channels and seeded weights, and files of
your own, which must be in Caffe's V2 format, with one input and one output. Each row is a whole process, imports and
all. Rounds take turns. The models that tf2onnx and torch.onnx.export start from are made beforehand, untimed, by this
project. Every model written is run by onnxruntime and compared with NumPy in float64: without that, no speed is shown.
What takes more memory or time than is allowed is killed, and its row says so.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import facts, load, software
from benchmarks.studies.conversion_networks import Network, write_vgg_face
from benchmarks.studies.conversion_rows import TOLERANCE, Row, table
from benchmarks.studies.conversion_tools import CAFFE2ONNX, CONVERT, KERAS_FILE, MODULE, OURS, TOOLS, Sources, Tool
from benchmarks.studies.processes import Bounds, attempt, measure

CHECK = (sys.executable, "-m", "benchmarks.studies.conversion_check")
CAFFE2ONNX_PYTHON = Path(".tox/caffe2onnx/bin/python")  # where `tox -e caffe2onnx` puts it
CAFFE2ONNX_VERSION = f"import importlib.metadata as m; print(m.version('{CAFFE2ONNX}'))"
MEANING = (
    "Whole processes, imports included; ratios are of the same round, `~` where rounds disagree on who is faster; "
    "difference: of the output (of the logits, where that is a softmax) from NumPy's in float64, as a fraction of its "
    "largest value."
)
LIBRARIES = ("numpy", "onnx", "onnxruntime", "keras", "tensorflow", "tf2onnx", "torch", "onnxscript")


def main() -> None:
    """Measure and print."""
    given = _parsed()
    tools = {name: TOOLS[name] for name in dict.fromkeys([OURS, *(given.tool or TOOLS)])}
    versions = software.versions(LIBRARIES) | _caffe2onnx_version(given.caffe2onnx_python)
    bounds = Bounds(given.minutes * 60, given.memory_gb * 1e9)
    busy = load.load_average()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        for network in _networks(given, Path(scratch)):
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                sources = prepare(network, tools, Path(folder), given.caffe2onnx_python)
                rows = compare(tools, sources, bounds, given.rounds, Path(folder))
            size = network.weights.stat().st_size / 1e6
            print(f"**{network.name}**, caffemodel of {size:.1f} MB\n\n{table(rows)}\n", flush=True)
    print(footer(versions, given.rounds, bounds, busy))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--divisors", type=int, nargs="*", default=[16, 4, 2, 1], choices=[1, 2, 4, 8, 16])
    parser.add_argument("--model", type=Path, nargs=2, action="append", default=[], metavar=("PROTOTXT", "CAFFEMODEL"))
    parser.add_argument("--tool", action="append", choices=list(TOOLS), help="only this one, beside ours")
    parser.add_argument("--rounds", type=int, default=3)
    found = CAFFE2ONNX_PYTHON if CAFFE2ONNX_PYTHON.exists() else None
    parser.add_argument("--caffe2onnx-python", type=Path, default=found, help="of an environment that has it")
    parser.add_argument("--memory-gb", type=float, default=12.0, help="anonymous memory a process may have")
    parser.add_argument("--minutes", type=float, default=10.0, help="that a process may take")
    parser.add_argument("--folder", type=Path, help="for models, a few GB (default: a temporary folder)")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error(f"--rounds is {given.rounds}, expected 1 at least")
    return given


def _networks(given: argparse.Namespace, scratch: Path) -> Iterator[Network]:
    yield from (Network(weights.stem, prototxt, weights) for prototxt, weights in given.model)
    for divisor in given.divisors:
        yield write_vgg_face(scratch / "network", divisor)


def prepare(network: Network, tools: Mapping[str, Tool], folder: Path, caffe2onnx_python: Path | None) -> Sources:
    """Make what the converters start from, and what must come out; nothing of this is measured."""
    _tell(f"{network.name}: preparing")
    files = [str(network.prototxt), str(network.weights)]
    sources = Sources(network, folder / "model.keras", folder / "torch", folder / "probe.npz", caffe2onnx_python)
    measure([*CHECK, "reference", *files, str(sources.probe)])
    starts = {tool.start for tool in tools.values() if not tool.absent(caffe2onnx_python)}
    for start, command, made in (
        (KERAS_FILE, "caffe-to-keras", sources.keras),
        (MODULE, "caffe-to-torch", sources.torch),
    ):
        if start in starts:
            measure([*CONVERT, command, *files, "-o", str(made), "--no-verify"])
    # Otherwise whoever comes first waits until all of this is on the disk.
    os.sync()
    return sources


def compare(tools: Mapping[str, Tool], sources: Sources, bounds: Bounds, rounds: int, scratch: Path) -> list[Row]:
    """Run all converters in turns, round by round; one that fails is not tried again."""
    rows = [Row(name, tool.start, tool.absent(sources.caffe2onnx_python)) for name, tool in tools.items()]
    for number in range(rounds):
        for row in rows:
            if not row.problem:
                _tell(f"{sources.network.name}: round {number + 1} of {rounds}, {row.tool}")
                with tempfile.TemporaryDirectory(dir=scratch) as place:
                    run(row, tools[row.tool], sources, bounds, Path(place) / "model.onnx")
        if rows[0].problem:
            sys.exit(f"{sources.network.name}: {rows[0].tool}: {rows[0].problem}")
    return rows


def run(row: Row, tool: Tool, sources: Sources, bounds: Bounds, out: Path) -> None:
    """Run one converter once and note what came of it; the first time its model is compared with NumPy."""
    tried = attempt(tool.command(sources, out), bounds, tool.environment)
    row.anonymous_bytes = max(row.anonymous_bytes, tried.measured.anonymous_bytes)
    row.problem = f"{tried.problem} (after {tried.measured.seconds:.0f} s)" if tried.problem else ""
    if not row.problem and row.difference is None:
        row.difference, row.problem = checked(sources.probe, out)
    if not row.problem:
        row.seconds.append(tried.measured.seconds)


def checked(probe: Path, model: Path) -> tuple[float | None, str]:
    """Return how far a model's output is from NumPy's, and what is wrong with that, "" if nothing is."""
    done = subprocess.run([*CHECK, "difference", str(probe), str(model)], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return None, f"its model cannot be run: {lines[-1].strip() if lines else done.returncode}"
    difference = float(done.stdout)
    # Written so that NaN is wrong as well.
    return difference, "" if difference <= TOLERANCE else f"its model computes something else than {TOLERANCE:g} allows"


def footer(versions: Mapping[str, str], rounds: int, bounds: Bounds, busy: float | None) -> str:
    """Return where, when and how this was measured."""
    machine, commit = facts.lasting(), software.commit()
    told = [
        f"{machine['processor']}, {machine['threads_available']} threads, {machine['memory_bytes'] / 2**30:.0f} GiB",
        f"{machine['system']}, Python {machine['python']}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"commit {commit.name[:12] or 'unknown'}{' (with changes)' if commit.dirty else ''}",
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"load average {'unknown' if busy is None else f'{busy:.1f}'} before the start",
    ]
    allowed = f"{rounds} round{'s' * (rounds > 1)} in turns; a process may take {bounds.seconds / 60:g} min and "
    allowed += f"{bounds.anonymous_bytes / 1e9:g} GB of anonymous memory"
    command = shlex.join(["python", "-m", "benchmarks.studies.conversion", *sys.argv[1:]])
    return "\n".join([MEANING, "; ".join([*told, allowed]) + ".", f"To repeat: `{command}`"])


def _caffe2onnx_version(python: Path | None) -> dict[str, str]:
    if python is None:
        return {}
    try:
        done = subprocess.run([str(python), "-c", CAFFE2ONNX_VERSION], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"--caffe2onnx-python {python}: no interpreter that has caffe2onnx; `tox -e caffe2onnx` makes one")
    return {CAFFE2ONNX: done.stdout.strip()}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
