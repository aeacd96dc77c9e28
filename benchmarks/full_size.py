"""Speed and memory of the conversions on a full-size VGG-Face, as ratios within one run.

    python -m benchmarks.full_size [--folder DIR] [--rounds 3]

Prints a Markdown table. Each row is a whole process, its median over the rounds; anonymous memory is sampled while it
runs (Linux only).
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import full_size_model

SAMPLE_SECONDS = 0.01
OPENING = (
    "import sys, time; from converters.caffe_weights import read_weights; start = time.perf_counter(); "
    "read_weights(sys.argv[1]); print(time.perf_counter() - start)"
)


@dataclass(frozen=True)
class Measured:
    """One process: wall time in seconds and the peak of its anonymous memory in bytes."""

    seconds: float
    anonymous_bytes: int


def main() -> None:
    """Measure all rows and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, help="where the model is, or is written to (580 MB; default: a temporary folder)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        network, weights, _ = _model(options.folder or Path(scratch))
        print(table(network, weights, Path(scratch), options.rounds))


def _model(folder: Path) -> tuple[Path, Path, Path]:
    paths = folder / "deploy.prototxt", folder / "weights.caffemodel", folder / "input_data.npy"
    return paths if all(path.exists() for path in paths) else full_size_model.write(folder)


def table(network: Path, weights: Path, scratch: Path, rounds: int) -> str:
    """Return the measured rows as a Markdown table."""
    python = sys.executable
    convert = [python, "-m", "converters"]
    source = [str(network), str(weights)]
    jobs: dict[str, Callable[[int], Sequence[str]]] = {
        "`cp` of the caffemodel": lambda i: ["cp", str(weights), str(scratch / f"copy{i}")],
        "start of the interpreter with NumPy": lambda _: [python, "-c", "import numpy"],
        "`convert caffe-to-onnx --no-verify`": lambda i: [
            *convert,
            "caffe-to-onnx",
            *source,
            "-o",
            str(scratch / f"{i}.onnx"),
            "--no-verify",
        ],
        "`convert caffe-to-torch --no-verify`": lambda i: [
            *convert,
            "caffe-to-torch",
            *source,
            "-o",
            str(scratch / f"torch{i}"),
            "--no-verify",
        ],
        "import of Keras": lambda _: [python, "-c", "import keras"],
        "`convert caffe-to-keras --no-verify`": lambda i: [
            *convert,
            "caffe-to-keras",
            *source,
            "-o",
            str(scratch / f"{i}.keras"),
            "--no-verify",
        ],
        "`convert caffe-to-onnx`, verified": lambda i: [
            *convert,
            "caffe-to-onnx",
            *source,
            "-o",
            str(scratch / f"v{i}.onnx"),
        ],
        "`convert caffe-to-torch`, verified": lambda i: [
            *convert,
            "caffe-to-torch",
            *source,
            "-o",
            str(scratch / f"vtorch{i}"),
        ],
        "`convert caffe-to-keras`, verified": lambda i: [
            *convert,
            "caffe-to-keras",
            *source,
            "-o",
            str(scratch / f"v{i}.keras"),
        ],
        "`convert --help`": lambda _: [*convert, "--help"],
    }
    measured = {name: _median(job, rounds, scratch) for name, job in jobs.items()}
    opening = [
        float(subprocess.run([python, "-c", OPENING, str(weights)], check=True, capture_output=True).stdout)
        for _ in range(rounds)
    ]
    base = sum(measured[name].seconds for name in list(measured)[:2])
    lines = ["| whole process | seconds | / (`cp` + start) | peak anonymous memory |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {m.seconds:.2f} | {m.seconds / base:.2f} | {m.anonymous_bytes / 1e6:.0f} MB |"
        for name, m in measured.items()
    ]
    return "\n".join([*lines, f"| opening the caffemodel (within a process) | {statistics.median(opening):.4f} | | |"])


def _median(job: Callable[[int], Sequence[str]], rounds: int, scratch: Path) -> Measured:
    runs = []
    for index in range(rounds):
        before = set(scratch.iterdir())
        runs.append(_measure(job(index)))
        for made in set(scratch.iterdir()) - before:
            subprocess.run(["rm", "-r", str(made)], check=True)
    return Measured(statistics.median(run.seconds for run in runs), max(run.anonymous_bytes for run in runs))


def _measure(command: Sequence[str]) -> Measured:
    start = time.perf_counter()
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, _anonymous_bytes(process.pid))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.perf_counter() - start
        if process.returncode:
            message = process.stderr.read().decode() if process.stderr else ""
            sys.exit(f"{' '.join(command)} failed:\n{message}")
    return Measured(seconds, peak)


def _anonymous_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # the process has just ended
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:")), 0)


if __name__ == "__main__":
    main()
