"""How each argument and option is written on the command line: one table for all commands."""

from pathlib import Path

from benchmarks.errors import UsageError
from converters.command_line.application import argument, listed, option

WHAT, HOW_LONG, ACCURACY, PRINT = "What is measured", "How long", "Accuracy", "Printing"
# Where `bench run` writes and all else reads, unless it is told otherwise.
RESULTS = Path("bench-results")


def counts(text: str, name: str) -> tuple[int, ...]:
    """Return the whole numbers in `1,8,32`; UsageError for anything else."""
    try:
        return tuple(int(part) for part in listed(text))
    except ValueError:
        raise UsageError(f"{name} {text}: is to be whole numbers, separated by commas") from None


def numbers(text: str, name: str) -> tuple[float, ...]:
    """Return the numbers in `1.5,2`; UsageError for anything else."""
    try:
        return tuple(float(part) for part in listed(text))
    except ValueError:
        raise UsageError(f"{name} {text}: is to be numbers, separated by commas") from None


def threads(text: str) -> tuple[int, ...]:
    """Return the numbers of threads in `1,2,all`; 0 stands for `all`."""
    return tuple(0 if part == "all" else counts(part, "--threads")[0] for part in listed(text))


def precisions(text: str) -> tuple[str, ...]:
    """Return the precisions in `fp32,int8` by their strict names."""
    return tuple("fp32-strict" if part == "fp32" else part for part in listed(text))


ARGUMENTS = {
    "results": argument(Path, "[RESULTS]", "The folder that `bench run` wrote.", RESULTS),
    "sides": argument(list[str], "A B", "Two folders that `bench run` wrote, or with --in two ways."),
    "model_name": argument(str, "MODEL", "The model's name, as the tables show it."),
}  # fmt: skip

OPTIONS = {
    "suite": option(
        str, "smoke", "Named cells: smoke, cpu, gpu, full; or the path of a TOML file.", "--suite", metavar="NAME",
        panel=WHAT,
    ),
    "models": option(
        list[str], (), "A name, or the files of a model: prototxt, then caffemodel. Can be repeated.", "--model",
        metavar="NAME|FILE", panel=WHAT,
    ),
    "nodes": option(
        list[str], (), "End the network at this node, instead of at its outputs. Can be repeated.", "--node",
        metavar="NAME", panel=WHAT,
    ),
    "runners": option(
        list[str], (), "RUNNER, RUNNER:CALL_PATH or RUNNER:* for all of its call paths. Can be repeated.", "--runner",
        metavar="RUNNER", panel=WHAT,
    ),
    "devices": option(str, "", "Devices, as in cpu,cuda:0.", "--device", metavar="A,B", panel=WHAT),
    "batches": option(str, "", "Batch sizes, as in 1,8,32.", "--batch", metavar="N,N", panel=WHAT),
    "precisions": option(
        str, "", "Out of fp32, tf32, fp16, bf16, int8. fp32 is strict: no TF32.", "--precision", metavar="A,B",
        panel=WHAT,
    ),
    "threads": option(
        str, "", "Threads, as in 1,2; `all` is as many as can run at once.", "--threads", metavar="N,N", panel=WHAT
    ),
    "instructions": option(
        str, "", "Out of all, avx2. avx2 uses the CPU as if it had no AVX-512.", "--instructions", metavar="A,B",
        panel=WHAT,
    ),
    "scenarios": option(
        str, "", "Out of latency, throughput, cold_start, memory, accuracy, energy, peak.", "--scenario",
        metavar="A,B", panel=WHAT,
    ),
    "images": option(
        str, "", "Images for the probe set, instead of drawn faces.", "--images", metavar="DIR", panel=WHAT
    ),
    "probe_images": option(
        int, 16, "Images of the probe set; 3,000 are needed to know that less than 0.1 % is lost.", "--probe-images",
        metavar="N", panel=WHAT,
    ),
    "channel_order": option(
        str, "", "RGB, BGR or gray, where the model does not say.", "--channel-order", metavar="ORDER", panel=WHAT
    ),
    "mean": option(
        str, "", "Mean in the order R, G, B, where the model does not say.", "--mean", metavar="R,G,B", panel=WHAT
    ),
    "scale": option(
        str, "", "Factor, or one for each channel, where the model does not say.", "--scale", metavar="S", panel=WHAT
    ),
    "rounds": option(int, None, "Rounds, interleaved.", "--rounds", metavar="N", panel=HOW_LONG),
    "samples": option(int, None, "Calls in a round: 64 support a p90, 662 a p99.", "--samples", metavar="N",
        panel=HOW_LONG),
    "seconds": option(float, None, "Seconds that a round measures at most.", "--seconds", metavar="S", panel=HOW_LONG),
    "timeout_seconds": option(
        float, None, "Seconds after which a cell is ended and counts as hung.", "--timeout", metavar="S",
        panel=HOW_LONG,
    ),
    "head": option(str, "", "A head on this network, as `heads train` wrote it.", "--head", metavar="DIR",
        panel=ACCURACY),
    "faces": option(str, "", "Labelled faces, as `heads split` wrote them.", "--faces", metavar="CSV", panel=ACCURACY),
    "seed": option(int, 0, "Seed of the probe set and of the order.", "--seed", metavar="N", panel=WHAT),
    "work": option(
        Path, Path("bench-work"), "Where converted models are kept.", "--work", metavar="DIR", panel=HOW_LONG
    ),
    "out": option(Path, RESULTS, "The folder of results.", "--out", "-o", metavar="DIR"),
    "resume": option(bool, False, "Go on: measure only what is not there yet.", "--resume", panel=HOW_LONG),
    "dry_run": option(bool, False, "List what would be measured, and what not and why.", "--dry-run"),
    "format": option(str, "text", "text, md, csv, html, latex or json.", "--format", metavar="FORMAT", panel=PRINT),
    "columns": option(
        str, "speed", "A set (brief, speed, memory, accuracy, groups, everything), or columns with commas.",
        "--columns", metavar="NAME", panel=PRINT,
    ),
    "only_model": option(str, "", "Only the rows of this model.", "--model", metavar="NAME", panel=PRINT),
    "reference": option(
        str, "", "The row that others are compared with, as RUNNER:CALL_PATH.", "--reference", metavar="ROW",
        panel=PRINT,
    ),
    "check": option(
        list[Path], (), "Fail if a table in this document is not what its results say. Can be repeated.", "--check",
        metavar="FILE",
    ),
    "pictures": option(Path, Path("bench-plots"), "The folder of pictures.", "--out", "-o", metavar="DIR"),
    "max_loss": option(
        float, 0.0, "How much may be lost, in parts of one: 0 is nothing at all.", "--max-loss", metavar="FRACTION"
    ),
    "device": option(str, "", "Only on this device.", "--device", metavar="NAME"),
    "batch": option(int, 1, "For this batch size.", "--batch", metavar="N"),
    "published_as": option(
        str, "", "Publish as benchmarks/results/<machine>/NAME; by default the model's name.", "--as", metavar="NAME"
    ),
    "documents": option(
        list[Path], (), "Documents whose tables are written anew; README.md and docs/*.md unless given.",
        "--document", metavar="FILE",
    ),
    "within": option(
        Path, None, "Compare A and B, two ways as RUNNER:CALL_PATH, within this folder.", "--in", metavar="RESULTS"
    ),
    "thread_count": option(int, None, "Only with this many threads.", "--threads", metavar="N"),
    "force": option(bool, False, "Replace what exists.", "--force", panel=PRINT),
    "json": option(bool, False, "Print one JSON document.", "--json", panel=PRINT),
    "verbose": option(bool, False, "Show where an unexpected failure comes from.", "--verbose", "-v", panel=PRINT),
}  # fmt: skip

ALWAYS = ("json", "verbose")
