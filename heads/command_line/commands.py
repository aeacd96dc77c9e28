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
