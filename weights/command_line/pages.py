"""How a published model looks: as a row, as a page, and as JSON values."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.text import Text

from converters.command_line.terminal import BYTES, amount, out, say, table
from weights.naming import advice
from weights.registry.model import Download, Member, PixelFacts, PublishedModel
from weights.store.files import expected_hash, is_here, local_files, recorded
from weights.store.licences import accepted
from weights.store.place import model_folder

TITLES = {"caffe": "Caffe", "matconvnet": "MatConvNet", "keras-h5": "Keras (.h5)", "pytorch": "PyTorch"}
# Labels beyond this many are counted, and the first ones shown.
SHOWN_LABELS = 8


def state(model: PublishedModel) -> str:
    """Return whether a model is here: "yes", "in part" or "no"."""
    return "yes" if is_here(model) else "in part" if local_files(model) else "no"


def cells(model: PublishedModel) -> tuple[str, ...]:
    """Return the cells of a model's row."""
    return (
        model.name,
        model.family,
        model.task,
        _size_in_words(model),
        model.licence.name,
        state(model),
        model.good_for,
    )


def size_bytes(model: PublishedModel) -> int | None:
    """Return what is to be downloaded, or else what lies here; None where nobody knows."""
    local = local_files(model)
    return model.size_bytes or sum(path.stat().st_size for path in local.values()) or None


def _size_in_words(model: PublishedModel) -> str:
    size = size_bytes(model)
    if size:
        return amount(size, BYTES)
    known = sum(download.size_bytes or 0 for download in model.downloads)
    return f"{amount(known, BYTES)}+" if known else "?"


def path_size(path: Path) -> str:
    """Return the size of a file in words, "" for one that is not there."""
    return amount(path.stat().st_size, BYTES) if path.is_file() else ""


def row(model: PublishedModel) -> dict[str, Any]:
    """Return a model's row as plain values."""
    names = ("name", "title", "family", "task", "format", "good_for")
    return {
        **{name: getattr(model, name) for name in names},
        "size_bytes": size_bytes(model),
        "licence": model.licence.name,
        "non_commercial": model.licence.non_commercial,
        "here": state(model),
        "fetchable": model.fetchable,
    }


def document(model: PublishedModel) -> dict[str, Any]:
    """Return all that is known of a model as plain values."""
    local, seen = local_files(model), recorded(model)
    return {
        **asdict(model),
        "size_bytes": size_bytes(model),
        "here": state(model),
        "fetchable": model.fetchable,
        "licence_accepted": accepted(model),
        "folder": str(model_folder(model.name)),
        "local_files": {name: str(path) for name, path in local.items()},
        "recorded_sha256": seen,
    }


def show(model: PublishedModel) -> None:
    """Print a page about a model."""
    say(f"{model.name}: {model.title}", "bold")
    _fact("family", model.family)
    _fact("task", model.task)
    _fact("format", TITLES[model.format])
    _fact("good for", model.good_for)
    _fact("here", f"{state(model)}, in {model_folder(model.name)}" if local_files(model) else f"no; {advice(model)}")
    _show_files(model)
    _section("preprocessing", _pixels(model.pixels))
    _section("labels", _labels(model))
    _section("embeddings", (f"{node}: {size} values" for node, size in model.embeddings.items()))
    _show_licence(model)
    _section("paper", [model.paper])
    _section("page", [model.page])
    if model.other_release:
        _section("other release", [f"{model.other_release}: convert crosscheck {model.name} {model.other_release}"])
    _section("traps", model.traps)
    _section("notes", model.notes)


def _fact(title: str, text: str) -> None:
    out.print(Text(f"{title:<10}"), Text(text), soft_wrap=not out.is_terminal)


def _section(title: str, lines: Iterable[str]) -> None:
    """Print a title and what belongs to it, nothing where nothing does."""
    told = list(lines)
    if told:
        out.print()
        say(title, "bold")
    for line in told:
        _indented(line)


def _indented(text: str) -> None:
    if out.is_terminal:
        out.print(Padding(Text(text), (0, 0, 0, 2), expand=False))
    else:
        say(f"  {text}")  # unbroken: a padded text would be cut at the width


def _show_files(model: PublishedModel) -> None:
    out.print()
    say("files", "bold")
    shown = table("file", "part", "size", "here", numbers=("size",), kept="file")
    local, seen = local_files(model), recorded(model)
    for member in model.members:
        path = local.get(member.name)
        shown.add_row(member.name, member.role, _size(member, path), "yes" if path else "no")
    out.print(Padding(shown, (0, 0, 0, 2), expand=False))
    for member in model.members:
        _indented(f"{member.name}: {_hash(model, member, seen)}")
    for download in model.downloads:
        for line in _origin(model, download):
            _indented(line)


def _size(member: Member, path: Path | None) -> str:
    if path is not None:
        return path_size(path)
    return amount(member.size_bytes, BYTES) if member.size_bytes else "?"


def _hash(model: PublishedModel, member: Member, seen: dict[str, str]) -> str:
    known = expected_hash(model, member)
    if not known:
        return "nobody published its sha256; that of its first sight here is recorded"
    return f"sha256 {known}" + ("" if member.sha256 or member.name not in seen else " (recorded here)")


def _origin(model: PublishedModel, download: Download) -> list[str]:
    """Return where a download comes from, one line for each address."""
    kind = f"archive {download.name}" if download.archive else download.name
    known = [amount(download.size_bytes, BYTES)] if download.size_bytes else []
    known += [download.published_hash.replace(":", " ")] if download.published_hash else ["no hash published"]
    told = f"{kind} ({', '.join(known)})"
    if not download.urls:
        files = " ".join(member.name for member in download.members)
        return [f"{told}: no address is known; if you have it, run: weights add {model.name} {files}"]
    return [f"{told} from", *(f"  {url}" for url in download.urls)]


def _pixels(pixels: PixelFacts | None) -> list[str]:
    if pixels is None:
        return ["not known"]
    steps = [f"channels {pixels.channel_order}"]
    if pixels.resize:
        steps.append(f"short side to {pixels.resize}")
    if pixels.crop[0]:
        steps.append(f"crop {pixels.crop[0]}x{pixels.crop[1]} (height x width)")
    steps.append(f"minus {_numbers(pixels.mean)} in that order" if pixels.mean else "mean not known")
    steps.append(f"times {_numbers(pixels.scale)}" if pixels.scale else "scale not known")
    return ["pixels 0..255: " + "; ".join(steps), *filter(None, [pixels.note])]


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.9g}" for value in values)


def _labels(model: PublishedModel) -> list[str]:
    files = [member.name for member in model.members if member.role == "labels"]
    if not model.labels:
        return [f"in {files[0]}"] if files else []
    more = " ..." if len(model.labels) > SHOWN_LABELS else ""
    return [f"{len(model.labels)}: {', '.join(model.labels[:SHOWN_LABELS])}{more}"]


def _show_licence(model: PublishedModel) -> None:
    licence = model.licence
    lines = [licence.name, licence.text, *filter(None, [licence.url])]
    if licence.non_commercial:
        lines.append("accepted" if accepted(model) else "to be accepted once: weights fetch --accept-licence")
    _section("licence", lines)
