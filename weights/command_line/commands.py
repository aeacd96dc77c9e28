"""The commands: what each is told, what it does, and how its result is shown."""

import typer

from converters.command_line.application import Command, Tables, group
from weights.command_line.arguments import ALWAYS, ARGUMENTS, OPTIONS


def build_app() -> typer.Typer:
    """Make the commands of the table below."""
    app = group(
        "Published face models: what is known of each, fetched whole and checked, to convert by name.",
        epilog="Try: weights list, then weights show vgg-face",
    )
    Tables("weights.command_line", ARGUMENTS, OPTIONS, ALWAYS).fill(app, COMMANDS)
    return app


COMMANDS = {
    "list": Command(
        "showing_commands", "list_models", "List the models that are known, and which are here.",
        (), ("family", "here"),
    ),
    "show": Command(
        "showing_commands", "show",
        "Show a model: files, hashes, preprocessing, labels, embeddings, licence, paper, traps.",
        ("name",),
    ),
    "fetch": Command(
        "keeping_commands", "fetch", "Download models, or go on with it; check and unpack.",
        ("names",), ("accept_licence", "require_hash", "offline"),
    ),
    "verify": Command(
        "keeping_commands", "verify", "Hash files again: are they still what they were, or should be?",
        ("maybe_names",),
    ),
    "where": Command("showing_commands", "where", "Print the folder of a model.", ("maybe_name",)),
    "remove": Command(
        "keeping_commands", "remove", "Remove the files of models.", ("names",), ("forget",)
    ),
    "add": Command(
        "keeping_commands", "add", "Take files that you already have as those of a model.",
        ("name", "files"), ("link",),
    ),
}  # fmt: skip
