"""The commands: what each is told, what it does, and how its result is shown."""

import typer

from converters.command_line.application import Command, Tables, group
from heads.command_line.arguments import ALWAYS, ARGUMENTS, OPTIONS


def build_app() -> typer.Typer:
    """Make the commands of the tables below."""
    tables = Tables("heads.command_line", ARGUMENTS, OPTIONS, ALWAYS)
    app = group("Small classifiers on the embeddings of a converted face network: data, training, evaluation, export.")
    tables.fill(app, COMMANDS)
    of_data_sets = group("Data sets of faces.")
    tables.fill(of_data_sets, DATA_COMMANDS)
    app.add_typer(of_data_sets, name="data")
    return app


READING = (
    "layout", "images", "files", "columns", "values", "splits", "groups", "age_bounds", "identity_pattern", "separator",
    "several_faces", "label_source", "licence",
)  # fmt: skip

DATA_COMMANDS = {
    "check": Command(
        "data_commands", "check",
        "Count faces and groups; find what is unreadable, copied or leaking.",
        ("folder",), ("near_distance", "open_images", *READING),
    ),
    "layouts": Command("data_commands", "layouts", "List the data-set layouts that are read."),
    "draw": Command(
        "data_commands", "draw", "Draw a synthetic set of sketched faces.",
        ("drawn",), ("people", "per_person", "seed"),
    ),
}  # fmt: skip

CROP = ("crop", "crop_rows", "crop_columns", "margin", "detector")

COMMANDS = {
    "split": Command(
        "data_commands", "split",
        "Divide into train, val and test, by identity where there are any.",
        ("folder",),
        (
            "out", "val", "test", "by", "seed", "folds", "hold_out", "stratify", "balance", "per_group", "per_group_by",
            "similar", "cosine", "near_distance", "open_images", "force", *READING,
        ),
    ),
    "embed": Command(
        "embedding_commands", "embed",
        "Compute the embeddings of images, none of them twice.",
        ("model_and_table",),
        (
            "out", "nodes", "normalize", *CROP, "channel_order", "mean", "scale", "device", "batch_size", "threads",
            "engine", "moved",
        ),
    ),
    "probe": Command(
        "embedding_commands", "probe",
        "Say what exchanging red and blue would cost.",
        ("model_and_table",),
        ("nodes", "normalize", *CROP, "channel_order", "mean", "scale", "device", "threads", "moved"),
    ),
    "train": Command(
        "training_commands", "train",
        "Train heads, keep the best; goes on where it was stopped.",
        ("embeddings",),
        (
            "recipes", "out", "positive", "framework", "seeds", "learning_rates", "selection", "group", "class_weights",
            "threshold", "abstain_accuracy", "abstain_band", "initialisation_seed", "order_seed", "dropout_seed",
            "force",
        ),
    ),
    "evaluate": Command(
        "training_commands", "evaluate",
        "Measure a head: metrics with intervals, overall and by group.",
        ("head", "embeddings"),
        ("by_groups", "part", "report", "marks", "against", "resamples", "seed", "moved", "force"),
    ),
    "predict": Command(
        "using_commands", "predict",
        "Label images with calibrated probabilities, or abstain.",
        ("faces",), ("needed_head", "backbone", "face_crop", *CROP[1:]),
    ),
    "export": Command(
        "using_commands", "export",
        "Write a head as one proved .onnx, .keras, .pt or PyTorch module.",
        ("head",), ("out", "with_backbone", "backbone", "evidence", "detector", "certificate", "force"),
    ),
    "card": Command(
        "using_commands", "card", "Write a model card, of recorded facts alone.",
        ("head",), ("out", "evaluation", "force"),
    ),
}  # fmt: skip
