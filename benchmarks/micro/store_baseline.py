"""Store a new baseline: several runs of all micro-benchmarks, each in a fresh process.

    python -m benchmarks.micro.store_baseline [--runs 5] [-o benchmarks/micro/baselines/baseline.json]

What a later run is held against is how far these runs lie apart, so nothing else should keep the machine busy.
"""

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.machine import facts, software
from benchmarks.micro.baselines import FEWEST_RUNS, Baseline, Run, merged, read_run, write_baseline

HERE = Path(__file__).parent
DECIDING = (
    "faceport", "numpy", "pandas", "pillow", "pyarrow", "h5py", "onnx", "onnxruntime", "keras", "pytest-benchmark",
)  # fmt: skip


def main() -> None:
    """Run, merge, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("-o", "--out", type=Path, default=HERE / "baselines" / "baseline.json")
    parser.add_argument("--benchmarks", type=Path, default=HERE, help="the folder of benchmarks")
    given = parser.parse_args()
    if given.runs < FEWEST_RUNS:
        parser.error(f"--runs is {given.runs}; fewer than {FEWEST_RUNS} tell no spread")
    try:
        store(given.benchmarks, given.out, given.runs)
    except BenchError as error:
        sys.exit("\n".join(error.problems))


def store(benchmarks: Path, out: Path, count: int) -> None:
    """Run a folder's benchmarks so many times and write the baseline; BenchError where a run fails."""
    # Before minutes of work, not after it: which machine, which versions, which commit.
    machine, versions, commit = facts.lasting(), software.versions(DECIDING), software.commit()
    with tempfile.TemporaryDirectory() as folder:
        runs = [_run(benchmarks, Path(folder) / f"{number}.json") for number in range(count)]
    date = datetime.now(UTC).isoformat(timespec="seconds")
    told = Baseline(
        machine=machine, versions=versions, commit=commit.name, dirty=commit.dirty, date=date, benchmarks=merged(runs)
    )
    write_baseline(told, out)


def _run(benchmarks: Path, path: Path) -> Run:
    words = [sys.executable, "-m", "pytest", str(benchmarks), "--benchmark-quiet", f"--save-run={path}"]
    if subprocess.run(words, check=False).returncode:  # noqa: S603 - our own words
        raise BenchError(f"{benchmarks}: a run failed, as pytest says above; nothing is stored")
    return read_run(path)


if __name__ == "__main__":
    main()
