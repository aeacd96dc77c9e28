"""The command that makes embeddings, and how a backbone and a crop are told on the command line."""

from pathlib import Path
from typing import Any

from converters.command_line import terminal
from heads.command_line import arguments as arg
from heads.errors import DataError, UsageError
from heads.face_files import open_table, read_table
from heads.faces import BOX, Faces, FaceTable
from heads.provenance import Crop

PROBED = 64  # images of a probe


def embed(given: Any) -> None:
    """Compute the embeddings that a folder does not hold yet."""
    words, listing = _model_and_listing(given, "embed MODEL... TABLE -o DIR")
    with open_table(listing, given.moved) as faces:
        terminal.warn(_repeated(faces, listing))
        detector = detector_of(given)
        with terminal.progress() as progress:
            progress("opening the model", 0.0)
            backbone = _opened(words, given)
            result = _engine(given)(backbone, faces, given.out, _options(given), progress, detector)
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
    terminal.warn(backbone.notes)
    nodes = ", ".join(f"{node} ({size})" for node, size in zip(backbone.nodes, backbone.dimensions, strict=True))
    terminal.say(f"{backbone.model} on {backbone.device}: {nodes}")
    pace = f" in {result.seconds:.1f} s ({result.rate:.1f} images/s)" if result.computed else ""
    terminal.say(
        f"computed {result.computed:,} embeddings of {backbone.dimension} numbers{pace}, reused {result.reused:,}; "
        f"they are in {given.out}"
    )
    if result.batch_size < given.batch_size:
        terminal.warn([f"the memory did not suffice for {given.batch_size} images: {result.batch_size} were taken"])
    if result.unreadable:
        terminal.warn([f"{result.unreadable} images could not be used: {given.out / 'unreadable.csv'} lists them"])


def probe(given: Any) -> None:
    """Say how much it would cost if red and blue were exchanged on the way to the network."""
    from heads.backbones import channel_swap_cost

    words, listing = _model_and_listing(given, "probe MODEL... TABLE")
    table = read_table(listing, given.moved)
    with terminal.progress() as progress:
        progress("opening the model", 0.0)
        backbone = _opened(words, given)
        images = _some_faces(table, crop_of(given.crop, given), detector_of(given))
        progress("exchanging red and blue", 0.0)
        cost = channel_swap_cost(backbone, images)
    if given.json:
        terminal.say_json({**vars(cost), "moved_fraction": cost.moved_fraction, "device": backbone.device})
        return
    terminal.warn(backbone.notes)
    terminal.say(
        f"{backbone.model} takes {backbone.preparation.channel_order}: with red and blue exchanged, the embeddings of "
        f"{cost.images} images move by {cost.moved_mean:.3g} on average, {cost.moved_largest:.3g} at most (cosine)"
    )
    terminal.say(f"two different images lie {cost.apart_mean:.3g} apart: they move {cost.moved_fraction:.0%} of that")


def _some_faces(table: FaceTable, how: Crop, detector: Any) -> list[Any]:
    """Return up to PROBED faces from all over a table, as RGB images; those that cannot be used are passed over."""
    from heads.images.cropping import crop
    from heads.images.decoding import read_rgb

    found, reasons = [], []
    for _, row in table.rows.iloc[:: max(1, len(table) // PROBED)].head(PROBED).iterrows():
        path = table.image(row["path"])
        try:
            found.append(crop(read_rgb(path.read_bytes(), str(path)), how, row, detector))
        except OSError as error:
            reasons.append(f"{path}: cannot be read: {error.strerror or error}")
        except DataError as error:
            reasons += error.problems
    if len(found) < 2:
        raise DataError(["two images at least are needed to compare", *reasons[:3]])
    return found


def _model_and_listing(given: Any, usage: str) -> tuple[list[str], Path]:
    *words, listing = given.model_and_table
    if not words:
        raise UsageError(f"name the model first, then the CSV of faces: heads {usage}")
    return words, Path(listing)


def _opened(words: list[str], given: Any) -> Any:
    from heads.backbones.opening import open_backbone

    return open_backbone(
        words,
        given.nodes,
        device=given.device,
        threads=given.threads,
        normalize=given.normalize,
        stated=_stated(given),
    )


def _repeated(faces: Faces, listing: Path) -> list[str]:
    """Say how many rows name a face of another row: such faces weigh more in training, and may be in two parts."""
    from heads.embeddings.known import known_keys

    columns = ["path", *(name for name in BOX if name in faces.columns)]
    count, first = 0, ""
    with known_keys() as seen:
        for part in faces.parts():
            for path, *box in part.rows[columns].itertuples(index=False):
                if not seen.add(repr((path, box)).encode()):
                    count, first = count + 1, first or path
    return [f"{listing}: {count} rows name a face of another row, the first is {first}"] if count else []


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
    crop = getattr(given, "crop", "") or getattr(given, "face_crop", "")
    if crop and crop != "detected":
        raise UsageError(f"--detector is of use to the crop detected only, and the crop is {crop}")
    from heads.detection.mtcnn import Mtcnn

    return Mtcnn(given.detector)
