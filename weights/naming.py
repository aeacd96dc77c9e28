"""What the converters ask for a name (entry point `faceport.models`): the files that are here, and what is known."""

from pathlib import Path

import prototxt
from converters.conversion.names import Published
from converters.conversion.side_files import read_labels
from weights.registry import reading
from weights.registry.model import PublishedModel
from weights.store.files import ADDED, CONFIRMED, FETCHED, local_files, origin


def names() -> tuple[str, ...]:
    """List the published models."""
    return tuple(reading.models())


def find(name: str) -> Published | None:
    """Return what is known of a published model, None for a name that is none."""
    model = reading.models().get(name)
    return None if model is None else published(model)


def published(model: PublishedModel) -> Published:
    """Return what the converters want to know of a model, with those of its files that are here."""
    pixels = model.pixels
    return Published(
        name=model.name,
        format=model.format,
        title=model.title,
        doubt=doubt(model),
        files=readable(model),
        advice=advice(model),
        channel_order=pixels.channel_order if pixels else "",
        mean=pixels.mean if pixels else (),
        scale=pixels.scale if pixels else (),
        labels=labels(model),
        licence=model.licence.name,
        other_release=model.other_release,
    )


def doubt(model: PublishedModel) -> str:
    """Return why the weights that are here may be others than the published ones, "" where a published hash is met."""
    origins = {origin(model, member.name) for member in model.members if member.role == "weights"}
    return next((words for name, words in DOUBTS.items() if name in origins), "")


def readable(model: PublishedModel) -> tuple[Path, ...]:
    """Return the files that are here in the order of the model's format.

    For Caffe the prototxt that was fetched, or else the packed one, and the weights, or the prototxt alone.
    """
    by_role = {member.role: local_files(model).get(member.name) for member in model.members}
    weights = by_role.get("weights")
    if model.format != "caffe":
        return (weights,) if weights else ()
    packed = prototxt.DEPLOYS[model.prototxt].prototxt if model.prototxt else None
    network = by_role.get("prototxt") or packed
    if network is None:
        return ()
    return (network, weights) if weights else (network,)


def advice(model: PublishedModel) -> str:
    """Return how to come by the files of a model that are not here."""
    terms = f"{model.licence.name}; {model.page}"
    accepting = " --accept-licence" if model.licence.non_commercial else ""
    way = f"weights fetch {model.name}{accepting}"
    if not model.fetchable:
        way = f"weights add {model.name} {' '.join(member.name for member in model.needed)}"
    condition = "to get them" if model.fetchable else "no address of them is known; if you have them"
    instead = ", or name the caffemodel after it" if model.format == "caffe" and readable(model) else ""
    return f"{condition}, run: {way}{instead} ({terms})"


def labels(model: PublishedModel) -> tuple[str, ...]:
    """Return the class names: the short list of the registry, or those of a text file that is here."""
    if model.labels:
        return model.labels
    local = local_files(model)
    files = [local[member.name] for member in model.members if member.role == "labels" and member.name in local]
    texts = [path for path in files if path.suffix == ".txt"]
    return read_labels(texts[0]) if texts else ()


# The gravest first.
DOUBTS = {
    "": "of which nothing is recorded here",
    ADDED: "as they were added here, no published hash confirms them",
    FETCHED: "as a published address gave them, no hash was published",
    CONFIRMED: "",
}
