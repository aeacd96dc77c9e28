"""Speed and memory of the conversions on a full-size VGG-Face, as ratios within one run.

    python -m benchmarks.studies.full_size [--folder DIR] [--rounds 3]

Prints a Markdown table. Each row is a whole process, its median over the rounds; anonymous memory is sampled while it
runs (Linux only).
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.studies import full_size_model
from benchmarks.studies.processes import Measured, measure

OPENING = (
    "import sys, time; from converters.caffe.weights import read_weights; start = time.perf_counter(); "
    "read_weights(sys.argv[1]); print(time.perf_counter() - start)"
)


Job = Callable[[int], Sequence[str]]
CONVERT = (sys.executable, "-m", "converters")
SUFFIXES = {"caffe-to-onnx": ".onnx", "caffe-to-torch": "", "caffe-to-keras": ".keras"}
CONVERSIONS = [f"convert {command}{option}" for option in (" --no-verify", "") for command in SUFFIXES]


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
    baselines = {
        "`cp` of the caffemodel": lambda index: ["cp", str(weights), str(scratch / f"copy{index}")],
        "start of the interpreter with NumPy": lambda _: [sys.executable, "-c", "import numpy"],
    }
    base = {name: _median(job, rounds, scratch) for name, job in baselines.items()}
    jobs = {
        **{name: _conversion(name, network, weights, scratch) for name in CONVERSIONS},
        "import keras": lambda _: [sys.executable, "-c", "import keras"],
        "convert --help": lambda _: [*CONVERT, "--help"],
    }
    measured = {**base, **{f"`{name}`": _median(job, rounds, scratch) for name, job in jobs.items()}}
    unit = sum(row.seconds for row in base.values())
    lines = ["| whole process | seconds | / (`cp` + start) | peak anonymous memory |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {row.seconds:.2f} | {row.seconds / unit:.2f} | {row.anonymous_bytes / 1e6:.0f} MB |"
        for name, row in measured.items()
    ]
    opening = statistics.median(_opening_seconds(weights) for _ in range(rounds))
    return "\n".join([*lines, f"| opening the caffemodel (within a process) | {opening:.4f} | | |"])


def _conversion(name: str, network: Path, weights: Path, scratch: Path) -> Job:
    command, *options = name.split()[1:]
    suffix = SUFFIXES[command]
    return lambda index: [
        *CONVERT,
        command,
        str(network),
        str(weights),
        "-o",
        str(scratch / f"m{index}{suffix}"),
        *options,
    ]


def _opening_seconds(weights: Path) -> float:
    done = subprocess.run([sys.executable, "-c", OPENING, str(weights)], check=True, capture_output=True)
    return float(done.stdout)


def _median(job: Job, rounds: int, scratch: Path) -> Measured:
    runs = []
    for index in range(rounds):
        before = set(scratch.iterdir())
        runs.append(measure(job(index)))
        for made in set(scratch.iterdir()) - before:
            subprocess.run(["rm", "-r", str(made)], check=True)
    return Measured(statistics.median(run.seconds for run in runs), max(run.anonymous_bytes for run in runs))


if __name__ == "__main__":
    main()
