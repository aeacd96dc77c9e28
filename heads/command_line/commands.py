"""The commands: what each is told, what it does, and how its result is shown."""

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple

import typer

from converters.command_line.commands import PlainGroup
from heads.command_line.arguments import ALWAYS, ARGUMENTS, NEEDED, OPTIONS, Written

HERE = "heads.command_line"


class Command(NamedTuple):
    """One command: the module and the function that do it, its help, and what it takes."""

    module: str
    function: str
    help: str
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def build_app() -> typer.Typer:
    """Make the commands of the tables below."""
    app = _group("Small classifiers on the embeddings of a converted face network: data, training, evaluation, export.")
    _fill(app, COMMANDS)
    data = _group("Data sets of faces.")
    _fill(data, DATA_COMMANDS)
    app.add_typer(data, name="data")
    return app


def _group(text: str) -> typer.Typer:
    return typer.Typer(
        cls=PlainGroup,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _fill(app: typer.Typer, commands: Mapping[str, Command]) -> None:
    for name, command in commands.items():
        app.command(name, help=command.help)(_function(name, command))


def _function(name: str, command: Command) -> Callable[..., None]:
    """Return the function of a command, with a signature made of what it takes."""

    def run(**given: Any) -> None:
        act = getattr(import_module(f"{HERE}.{command.module}"), command.function)
        act(SimpleNamespace(**given))

    written = {**{key: ARGUMENTS[key] for key in command.arguments}, **{key: OPTIONS[key] for key in command.options}}
    written |= {key: OPTIONS[key] for key in ALWAYS}
    function: Any = run
    function.__name__ = name
    function.__signature__ = Signature([_parameter(key, how) for key, how in written.items()])
    return run


def _parameter(name: str, written: Written) -> Parameter:
    default = Parameter.empty if written.default is NEEDED else written.default
    if isinstance(default, tuple):
        default = list(default)
    kind = written.kind | None if default is None else written.kind
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, written.how])


READING = (
    "layout", "images", "files", "columns", "values", "splits", "groups", "age_bounds", "identity_pattern", "separator",
    "several_faces", "label_source", "licence",
)  # fmt: skip

DATA_COMMANDS = {
    "check": Command(
        "data_commands", "check",
        "Count faces, labels and groups; find unreadable images, copies, and people in several splits.",
        ("folder",), ("near_distance", "open_images", *READING),
    ),
    "layouts": Command("data_commands", "layouts", "List the data-set layouts that are read."),
    "draw": Command(
        "data_commands", "draw", "Draw a synthetic set of sketched faces, for demonstrations and tests.",
        ("drawn",), ("people", "per_person", "seed"),
    ),
}  # fmt: skip

CROP = ("crop", "crop_rows", "crop_columns", "margin", "detector")

COMMANDS = {
    "split": Command(
        "data_commands", "split",
        "Divide a data set into train, val and test, by identity where there are identities.",
        ("folder",),
        (
            "out", "val", "test", "by", "seed", "folds", "hold_out", "stratify", "balance", "per_group", "per_group_by",
            "similar", "cosine", "near_distance", "open_images", "force", *READING,
        ),
    ),
    "embed": Command(
        "embedding_commands", "embed",
        "Compute and keep the embeddings of a table's images; what is there already is not computed again.",
        ("model_and_table",),
        (
            "out", "nodes", "normalize", *CROP, "channel_order", "mean", "scale", "device", "batch_size", "threads",
            "engine", "moved",
        ),
    ),
    "train": Command(
        "training_commands", "train",
        "Train heads on embeddings, and keep the best on validation; goes on where it was stopped.",
        ("embeddings",),
        (
            "recipes", "out", "positive", "framework", "seeds", "learning_rates", "selection", "group", "class_weights",
            "threshold", "abstain_accuracy", "abstain_band", "initialisation_seed", "order_seed", "dropout_seed",
            "force",
        ),
    ),
    "evaluate": Command(
        "training_commands", "evaluate",
        "Measure a head: each metric with its interval, overall and by group; undefined where it is.",
        ("head", "embeddings"),
        ("by_groups", "part", "report", "marks", "against", "resamples", "seed", "moved", "force"),
    ),
    "predict": Command(
        "using_commands", "predict",
        "Say what a head says of images: a label with its calibrated probability, or nothing.",
        ("faces",), ("needed_head", "backbone", "face_crop", *CROP[1:]),
    ),
    "export": Command(
        "using_commands", "export",
        "Write a head as one .onnx, .keras, .pt or PyTorch module, proved from pixels to probability.",
        ("head",), ("out", "with_backbone", "backbone", "evidence", "detector", "certificate", "force"),
    ),
    "card": Command(
        "using_commands", "card", "Write a head's model card, of recorded facts alone.",
        ("head",), ("out", "evaluation", "force"),
    ),
}  # fmt: skip
