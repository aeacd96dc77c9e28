"""The command that makes embeddings, and how a backbone and a crop are told on the command line."""

from pathlib import Path
from typing import Any

from converters.command_line import terminal
from heads.command_line import arguments as arg
from heads.errors import UsageError
from heads.faces import BOX, FaceTable, read_table
from heads.provenance import Crop


def embed(given: Any) -> None:
    """Compute the embeddings that a folder does not hold yet."""
    from heads.backbones.opening import open_backbone

    *words, listing = given.model_and_table
    if not words:
        raise UsageError("name the model first, then the CSV of faces: heads embed MODEL... TABLE -o DIR")
    table = read_table(Path(listing), given.moved)
    terminal.warn(_repeated(table, listing))
    detector = detector_of(given)
    with terminal.progress() as progress:
        progress("opening the model", 0.0)
        backbone = open_backbone(
            words,
            given.nodes,
            device=given.device,
            threads=given.threads,
            normalize=given.normalize,
            stated=_stated(given),
        )
        result = _engine(given)(backbone, table, given.out, _options(given), progress, detector)
    facts = {
        "folder": str(given.out),
        "computed": result.computed,
        "reused": result.reused,
        "unreadable": result.unreadable,
        "dimension": backbone.dimension,
        "device": backbone.device,
        "batch_size": result.batch_size,
        "seconds": round(result.seconds, 3),
        "images_per_second": round(result.rate, 1),
    }
    if given.json:
        terminal.say_json(facts)
        return
    nodes = ", ".join(f"{node} ({size})" for node, size in zip(backbone.nodes, backbone.dimensions, strict=True))
    terminal.say(f"{backbone.model} on {backbone.device}: {nodes}")
    terminal.say(
        f"computed {result.computed:,} embeddings of {backbone.dimension} numbers in {result.seconds:.1f} s "
        f"({result.rate:.1f} images/s), reused {result.reused:,}; they are in {given.out}"
    )
    if result.batch_size < given.batch_size:
        terminal.warn([f"the memory did not suffice for {given.batch_size} images: {result.batch_size} were taken"])
    if result.unreadable:
        terminal.warn([f"{result.unreadable} images could not be used: {given.out / 'unreadable.csv'} lists them"])


def _repeated(table: FaceTable, listing: str) -> list[str]:
    """Say which faces stand in several rows: they weigh more in training, and may be in two parts."""
    face = ["path", *(name for name in BOX if name in table.rows.columns)]
    again = table.rows[table.rows.duplicated(face)]
    if again.empty:
        return []
    return [f"{listing}: {len(again)} rows name a face of another row, the first is {again['path'].iloc[0]}"]


def _engine(given: Any) -> Any:
    if given.engine == "local":
        from heads.embeddings.extraction import embed as local

        return local
    if given.engine == "ray":
        from converters.formats import load

        return load("heads.embeddings.ray_engine").embed
    raise UsageError(f"--engine {given.engine}: is local or ray")


def _options(given: Any) -> Any:
    from heads.embeddings.extraction import EmbedOptions

    return EmbedOptions(crop_of(given.crop, given), given.batch_size, given.threads)


def _stated(given: Any) -> Any:
    """Return what is said of preprocessing beside the model; the mean is in the order R, G, B."""
    from heads.backbones.stating import Stated

    mean = arg.numbers(given.mean, "--mean")
    if mean and len(mean) not in (1, 3):
        raise UsageError(f"--mean {given.mean}: is to be three numbers, R,G,B, or one for all channels")
    return Stated(given.channel_order or None, mean or None, arg.numbers(given.scale, "--scale") or None)


def crop_of(kind: str, given: Any) -> Crop:
    """Return which part of an image is the face: a kind of crop with the settings that are given."""
    settings: dict[str, Any] = {}
    if given.crop_rows:
        settings["rows"] = list(arg.between(given.crop_rows, "--crop-rows"))
    if given.crop_columns:
        settings["columns"] = list(arg.between(given.crop_columns, "--crop-columns"))
    if given.margin is not None:
        settings["margin"] = given.margin
    return Crop(kind, settings)


def detector_of(given: Any) -> Any:
    """Return what finds faces, if a folder with its networks is named."""
    if given.detector is None:
        return None
    from heads.detection.mtcnn import Mtcnn

    return Mtcnn(given.detector)
