"""How each argument and option is written on the command line: one table for all commands."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from converters.command_line.application import NEEDED, argument, listed, option
from heads.errors import UsageError

READ, FACE, PRINT = "Reading", "The face in the image", "Printing"


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Return what `--option a=b` given several times says; UsageError for one without `=`, or a name given twice."""
    found: dict[str, str] = {}
    problems = []
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            problems.append(f"{option} {text}: is to be written as NAME=VALUE")
        elif name in found:
            problems.append(f"{option} {text}: '{name}' is given twice")
        else:
            found[name] = value
    if problems:
        raise UsageError(problems)
    return found


def numbers(text: str, option: str, kind: Callable[[str], Any] = float) -> tuple[Any, ...]:
    """Return the numbers in `1,2,3`; UsageError for anything else."""
    try:
        return tuple(kind(part) for part in listed(text))
    except ValueError:
        raise UsageError(f"{option} {text}: is to be numbers, separated by commas") from None


def between(text: str, option: str) -> tuple[int, int]:
    """Return the two whole numbers in `30:200`; UsageError for anything else."""
    first, colon, last = text.partition(":")
    if not colon or not first.strip().isdecimal() or not last.strip().isdecimal():
        raise UsageError(f"{option} {text}: is to be written as FROM:TO")
    return int(first), int(last)


ARGUMENTS = {
    "folder": argument(Path, "DIR", "The folder of the data set."),
    "drawn": argument(Path, "DIR", "A folder to make."),
    "model_and_table": argument(
        list[str], "MODEL... TABLE",
        "A converted model, or a name, or a prototxt and a caffemodel; then the CSV that `heads split` wrote.",
    ),
    "embeddings": argument(Path, "EMBEDDINGS", "The folder that `heads embed` wrote."),
    "head": argument(Path, "HEAD", "The folder that `heads train` wrote."),
    "faces": argument(list[Path], "FACE...", "Images, or folders of images."),
}  # fmt: skip

OPTIONS = {
    "layout": option(str, NEEDED, "How it is laid out; `heads data layouts` lists them.", "--layout", metavar="NAME"),
    "images": option(str, "", "Sub folder that holds the images.", "--images", metavar="DIR", panel=READ),
    "files": option(
        list[str], (), "Annotation file, in the data set's folder. Can be repeated.", "--file", metavar="FILE",
        panel=READ,
    ),
    "columns": option(
        list[str], (), "Which of a file's columns is our path, label, identity ... Can be repeated.", "--column",
        metavar="OURS=THEIRS", panel=READ,
    ),
    "values": option(
        list[str], (), "What a label found in the files means. Can be repeated.", "--value", metavar="FOUND=LABEL",
        panel=READ,
    ),
    "splits": option(
        list[str], (), "Which file, folder or fold is train, val or test. Can be repeated.", "--part",
        metavar="PART=SPLIT", panel=READ,
    ),
    "groups": option(str, "", "Further columns to group faces by.", "--group-columns", metavar="A,B", panel=READ),
    "age_bounds": option(
        str, "", "First age of each age group but the youngest.", "--age-bounds", metavar="18,30,45,60", panel=READ
    ),
    "identity_pattern": option(
        str, "", "Finds the identity in a path, as '([^/_]+)_'.", "--identity-pattern", metavar="REGEX", panel=READ
    ),
    "separator": option(str, "", "What stands between a file's columns.", "--separator", metavar="CHAR", panel=READ),
    "several_faces": option(
        bool, False, "Keep images on which a second face was found.", "--several-faces", panel=READ
    ),
    "label_source": option(
        str, "", "Who gave the labels: self-report, annotator-perceived, metadata, folder.", "--label-source",
        metavar="WHO", panel=READ,
    ),
    "licence": option(str, "", "The data set's licence.", "--licence", metavar="TEXT", panel=READ),
    "people": option(int, 60, "How many identities."),
    "per_person": option(int, 8, "How many images of each."),
    "seed": option(int, 0, "Decides everything that is drawn by lot."),
    "near_distance": option(
        int, None, "Bits of 256 in which copies of a picture may differ; -1: only equal files are copies.",
        "--near-distance", metavar="BITS",
    ),
    "open_images": option(bool, True, "Open every image, to find unreadable ones and copies."),
    "out": option(Path, NEEDED, "Where the result goes.", "-o", "--out", metavar="PATH"),
    "val": option(float, 0.15, "Fraction of the faces for validation."),
    "test": option(float, 0.15, "Fraction of the faces for the test."),
    "by": option(str, "auto", "What keeps faces together: auto, identity, image, official or random."),
    "folds": option(int, 0, "Make so many folds, in the column `fold`."),
    "hold_out": option(int, 0, "The fold that is the test part, from 0."),
    "stratify": option(str, "", "Groups to divide alike, beside the labels.", metavar="A,B"),
    "balance": option(str, "", "undersample: drop faces of the larger label from train.", metavar="HOW"),
    "per_group": option(int, 0, "Take at most so many faces of each group."),
    "per_group_by": option(
        str, "", "What those groups are, else label and all groups: label, identity, names.",
        metavar="A,B",
    ),
    "similar": option(
        Path, None, "Keep faces with similar embeddings together.", "--embeddings", metavar="DIR"
    ),
    "cosine": option(float, 0.9, "From which cosine on embeddings are similar."),
    "nodes": option(
        list[str], (), "A value of the network to take as embedding; several are joined, maps averaged. "
        "Without: its output.", "--node", metavar="NODE",
    ),
    "normalize": option(bool, False, "Make each embedding a unit vector.", "--l2-normalize"),
    "device": option(str, "cpu", "Where the network runs: cpu or cuda:0."),
    "batch_size": option(int, 32, "Images that the network takes at once; halved when memory runs out."),
    "threads": option(int, None, "Threads that decode, and that the network may use."),
    "engine": option(str, "local", "local, or ray: the same on a Ray cluster (extra `ray`)."),
    "moved": option(Path, None, "The folder of the images, where it has moved.", "--images", metavar="DIR"),
    "channel_order": option(
        str, "", "RGB, BGR or gray, where the model does not say.", "--channel-order", metavar="ORDER"
    ),
    "mean": option(str, "", "Mean in the order R, G, B, where the model does not say.", metavar="R,G,B"),
    "scale": option(str, "", "Factor, or one for each channel, where the model does not say.", metavar="S"),
    "crop": option(str, "none", "none, centre, fixed, box, landmarks or detected.", metavar="KIND", panel=FACE),
    "face_crop": option(
        str, "", "Another crop than that of the embeddings: none, centre, fixed, detected.", "--crop", metavar="KIND",
        panel=FACE,
    ),
    "crop_rows": option(str, "", "For fixed: rows of pixels.", metavar="30:200", panel=FACE),
    "crop_columns": option(str, "", "For fixed: columns of pixels.", metavar="4:174", panel=FACE),
    "margin": option(
        float, None, "For box and detected: what is added at each side, as a fraction of the face.", panel=FACE
    ),
    "detector": option(
        Path, None, "For detected: the folder with MTCNN's det1, det2, det3 (.prototxt, .caffemodel).", metavar="DIR",
        panel=FACE,
    ),
    "recipes": option(
        list[str], NEEDED, "A recipe's name, or a TOML file of your own. Can be repeated.", "--recipe", metavar="NAME"
    ),
    "positive": option(str, "", "The label that probabilities are of, else the alphabet's last.", metavar="LABEL"),
    "framework": option(str, "torch", "torch or keras."),
    "seeds": option(int, 1, "Train so many heads of each recipe, and say how they spread."),
    "learning_rates": option(str, "", "Learning rates to try, in place of the recipe's.", metavar="A,B"),
    "selection": option(str, "loss", "What is best on validation: loss, accuracy, macro or worst-group."),
    "group": option(str, "", "The groups of --selection worst-group.", metavar="NAME"),
    "class_weights": option(str, "none", "none, or balanced: both labels weigh the same."),
    "threshold": option(str, "half", "A probability, half, or what it maximises: balanced-accuracy or f1."),
    "abstain_accuracy": option(float, None, "Abstain so that the rest reaches this accuracy on validation."),
    "abstain_band": option(str, "", "Abstain between these probabilities.", metavar="LOW,HIGH"),
    "initialisation_seed": option(int, 0, "Seed of the first weights."),
    "order_seed": option(int, 0, "Seed of the order of the faces."),
    "dropout_seed": option(int, 0, "Seed of dropout."),
    "by_groups": option(str, "", "Groups to report on, and their crossings.", "--by", metavar="A,B"),
    "part": option(str, "test", "Which faces: train, val or test.", "--split", metavar="SPLIT"),
    "report": option(
        Path, None, "A folder for the report: pictures, tables, one HTML page.", "-o", "--out", metavar="DIR"
    ),
    "marks": option(
        list[str], (), "Colour the report's table of runs where this holds, as in val_accuracy>=0.9. Can be repeated.",
        "--mark", metavar="NAME>=N",
    ),
    "against": option(Path, None, "Another head, to compare on the same faces.", metavar="HEAD"),
    "resamples": option(int, 1000, "Resamples of each bootstrap."),
    "needed_head": option(Path, NEEDED, "The folder that `heads train` wrote.", "--head", metavar="HEAD"),
    "backbone": option(
        list[str], (), "The network, where it is not the one recorded: as for `heads embed`. Repeat for two files.",
        "--backbone", metavar="MODEL",
    ),
    "with_backbone": option(bool, False, "Take pixels: backbone and head in one file.", "--with-backbone"),
    "evidence": option(
        Path, None, "Embeddings to recognise a backbone of another sha256 by.", "--embeddings", metavar="DIR"
    ),
    "certificate": option(Path, None, "Where the proof goes.", metavar="PATH"),
    "evaluation": option(
        Path, None, "The evaluation to state, else the last one on test, or val.", "--evaluation", metavar="JSON"
    ),
    "force": option(bool, False, "Replace what exists.", "--force", panel=PRINT),
    "json": option(bool, False, "Print one JSON document.", "--json", panel=PRINT),
    "verbose": option(
        bool, False, "Show where an unexpected failure comes from.", "-v", "--verbose", panel=PRINT
    ),
}  # fmt: skip

ALWAYS = ("json", "verbose")
