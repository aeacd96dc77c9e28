"""The commands that change what is here, and that check it."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text

from converters.command_line import terminal
from converters.command_line.terminal import BYTES, Reporter, amount
from converters.errors import Refusal
from weights import adding
from weights.command_line.pages import path_size
from weights.errors import WeightsError
from weights.fetching import fetch as fetching
from weights.naming import advice
from weights.registry import reading
from weights.registry.model import PublishedModel
from weights.store import files
from weights.store.place import model_folder

STYLES = {files.OK: "green", files.CHANGED: "bold red", files.MISSING: "bold red", files.UNRECORDED: "yellow"}


def fetch(given: Any) -> None:
    """Fetch models one after the other; one that fails does not keep the others from coming."""
    told: list[dict[str, Any]] = []
    problems: list[str] = []
    for model in _models(given.names):
        try:
            with terminal.progress() as progress:
                got = fetching.fetch(
                    model,
                    offline=given.offline,
                    require_hash=given.require_hash,
                    accept_licence=given.accept_licence,
                    progress=_in_bytes(progress),
                )
        except Refusal as error:
            problems += error.problems
            continue
        told.append(_fetched(got))
        if not given.json:
            _show_fetched(got)
    if given.json:
        terminal.say_json(told)
    if problems:
        raise WeightsError(problems)


def _fetched(got: fetching.Fetched) -> dict[str, Any]:
    return {
        "name": got.model.name,
        "folder": str(model_folder(got.model.name)),
        "files": {name: str(path) for name, path in got.files.items()},
        "sha256": got.hashes,
        "first_seen": list(got.first_seen),
        "sources": got.sources,
        "unavailable": list(got.unavailable),
    }


def _show_fetched(got: fetching.Fetched) -> None:
    for name, url in got.sources.items():
        terminal.say(f"{name} from {url}")
    for name, path in got.files.items():
        terminal.say(f"  {name}  {amount(path.stat().st_size, BYTES)}  sha256 {got.hashes.get(name, 'unknown')}")
    if got.first_seen:
        terminal.say(
            f"nobody published a hash of {', '.join(got.first_seen)}: the one above was recorded, and is enforced from "
            "now on",
            "yellow",
        )
    if got.unavailable:
        terminal.say(f"no address is known of {', '.join(got.unavailable)}; the network does without", "yellow")
    state = "is here" if got.sources else "was here already"
    terminal.say(f"{got.model.name} {state}: {model_folder(got.model.name)}", "green")


def verify(given: Any) -> None:
    """Hash files again, and fail where one is not what it was."""
    wanted = _models(given.maybe_names) or [model for model in reading.models().values() if files.local_files(model)]
    if given.maybe_names:
        _check_any_here(wanted)
    with terminal.progress() as progress:
        found = {model.name: files.check(model, progress) for model in wanted}
    if given.json:
        terminal.say_json({name: [_checked(each) for each in checked] for name, checked in found.items()})
    else:
        _show_checked(found)
    problems = [_problem(name, each) for name, checked in found.items() for each in checked if each.wrong]
    if problems:
        raise WeightsError(problems)


def _check_any_here(wanted: Sequence[PublishedModel]) -> None:
    absent = [model for model in wanted if not files.local_files(model) and not files.recorded(model)]
    if absent:
        raise WeightsError(f"'{model.name}' is not here; {advice(model)}" for model in absent)


def _checked(each: files.Checked) -> dict[str, str]:
    return {
        "file": each.member.name,
        "state": each.state,
        "sha256": each.sha256,
        "expected": each.expected,
        "path": str(each.path),
    }


def _show_checked(found: dict[str, list[files.Checked]]) -> None:
    if not found:
        terminal.say("no model is here; `weights list` shows those that could be")
        return
    shown = terminal.table("model", "file", "size", "state", "sha256", numbers=("size",), kept="file",
                           shortened="sha256")  # fmt: skip
    for name, checked in found.items():
        for index, each in enumerate(checked):
            state = Text(each.state, STYLES[each.state])
            shown.add_row("" if index else name, each.member.name, path_size(each.path), state, each.sha256)
    terminal.out.print(shown)
    if any(each.state == files.UNRECORDED for checked in found.values() for each in checked):
        terminal.say("unrecorded: there is no hash to hold it to; `weights add NAME FILE` records one", "yellow")


def _problem(name: str, each: files.Checked) -> str:
    again = f"run: weights remove {name}, then weights fetch {name}"
    if each.state == files.MISSING:
        return f"{each.path}: is missing; run: weights fetch {name}"
    return f"{each.path}: has changed: sha256 {each.sha256}, expected {each.expected}; {again}"


def remove(given: Any) -> None:
    """Remove the files of models."""
    wanted = _models(given.names)
    told = []
    for model in wanted:
        # A link frees nothing: the file that it leads to stays.
        freed = sum(path.stat().st_size for path in files.local_files(model).values() if not path.is_symlink())
        gone = files.remove(model, forget=given.forget)
        told.append({"name": model.name, "removed": [str(path) for path in gone], "freed_bytes": freed})
        if not given.json:
            count = f"{len(gone)} file{'' if len(gone) == 1 else 's'} removed"
            what = f"{count}, {amount(freed, BYTES)} freed" if freed else count
            terminal.say(f"{model.name}: {what if gone else 'nothing was here'}")
    if given.json:
        terminal.say_json(told)


def add(given: Any) -> None:
    """Take files as those of a model."""
    model = reading.model(given.name)
    with terminal.progress() as progress:
        hashes = adding.add(model, given.files, link=given.link, progress=_in_bytes(progress))
    here = files.is_here(model)
    if given.json:
        folder = str(model_folder(model.name))
        terminal.say_json({"name": model.name, "folder": folder, "sha256": hashes, "here": here})
        return
    for name, digest in hashes.items():
        terminal.say(f"  {name}  {path_size(model_folder(model.name) / name)}  sha256 {digest}")
    lacking = [member.name for member in model.needed if member.name not in files.local_files(model)]
    state = f"is here: {model_folder(model.name)}" if here else f"still lacks {', '.join(lacking)}"
    terminal.say(f"{model.name} {state}", "green" if here else "yellow")


def _models(names: Sequence[str]) -> list[PublishedModel]:
    """Return models by name, each once; WeightsError with every name that is none."""
    found: list[PublishedModel] = []
    problems: list[str] = []
    for name in dict.fromkeys(names):
        try:
            found.append(reading.model(name))
        except WeightsError as error:
            problems += error.problems
    if problems:
        raise WeightsError(problems)
    return found


def _in_bytes(progress: Reporter) -> Callable[[str, int, int | None], None]:
    def told(title: str, done_bytes: int, total_bytes: int | None) -> None:
        of = f" of {amount(total_bytes, BYTES)}" if total_bytes else ""
        size = f", {amount(done_bytes, BYTES)}{of}" if done_bytes else ""
        progress(f"{title}{size}", done_bytes / total_bytes if total_bytes else 0.0)

    return told
