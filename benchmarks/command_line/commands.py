"""The commands: what each is told, what it does, and how its result is shown."""

import typer

from benchmarks.command_line.arguments import ALWAYS, ARGUMENTS, OPTIONS
from converters.command_line.application import Command, Tables, group


def build_app() -> typer.Typer:
    """Make the commands of the table below."""
    app = group(
        "Benchmarks of a network over runtimes: speed is shown beside the proof that the answers are the same.",
        epilog="Try: bench run --suite smoke, then bench table",
    )
    Tables("benchmarks.command_line", ARGUMENTS, OPTIONS, ALWAYS).fill(app, COMMANDS)
    return app


COMMANDS = {
    "list": Command(
        "running_commands", "list_runners", "Try every runner: versions, devices that really run, what is missing."
    ),
    "run": Command(
        "running_commands", "run",
        "Measure: each cell in a fresh process, rounds interleaved, every raw sample kept.",
        (),
        (
            "out", "resume", "dry_run", "suite", "models", "nodes", "runners", "devices", "batches", "precisions",
            "threads", "instructions", "scenarios", "images", "probe_images", "channel_order", "mean", "scale", "head",
            "faces", "rounds", "samples", "seconds", "timeout_seconds", "seed", "work",
        ),
    ),
    "table": Command(
        "showing_commands", "table", "Print results as a table, or check that the tables in a document are not stale.",
        ("results",), ("format", "columns", "only_model", "reference", "check"),
    ),
    "plot": Command(
        "showing_commands", "plot",
        "Draw latencies, throughput over batch, share of peak, and what is lost over latency.",
        ("results",), ("pictures", "only_model", "reference", "force"),
    ),
    "compare": Command(
        "showing_commands", "compare",
        "Compare two folders of results, or two ways of one folder; ~ where they cannot be told apart.",
        ("sides",), ("within", "format"),
    ),
    "best": Command(
        "showing_commands", "best", "Name the fastest way to run a model that still answers the same.",
        ("model_name", "results"), ("max_loss", "device", "thread_count", "batch"),
    ),
    "publish": Command(
        "publishing_commands", "publish",
        "Copy results into the project, under the machine's name, and write the tables of its documents anew.",
        ("results",), ("published_as", "documents", "force"),
    ),
    "doctor": Command(
        "running_commands", "doctor", "Say what is installed, and what would disturb a measurement here."
    ),
}  # fmt: skip
