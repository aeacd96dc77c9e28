"""The commands that show what is known, and what is here."""

from typing import Any

from converters.command_line import terminal
from weights.command_line import pages
from weights.errors import UsageError, WeightsError
from weights.naming import advice
from weights.registry import reading
from weights.store.files import is_here, local_files
from weights.store.place import model_folder, store_folder


def list_models(given: Any) -> None:
    """Show the models as a table."""
    found = list(reading.models().values())
    families = dict.fromkeys(model.family for model in found)
    if given.family and given.family not in families:
        raise UsageError(f"--family {given.family}: there is no such family; there are {', '.join(families)}")
    wanted = [model for model in found if given.family in ("", model.family) and (not given.here or local_files(model))]
    if given.json:
        terminal.say_json([pages.row(model) for model in wanted])
        return
    shown = terminal.table("name", "family", "task", "size", "licence", "here", "good for", numbers=("size",),
                           kept="name", shortened="good for")  # fmt: skip
    for model in wanted:
        shown.add_row(*pages.cells(model))
    terminal.out.print(shown)
    count = sum(map(is_here, wanted))
    terminal.say(f"{len(wanted)} models, {count} here in {store_folder()}; `weights show NAME` tells more")


def show(given: Any) -> None:
    """Show everything that is known of a model."""
    model = reading.model(given.name)
    if given.json:
        terminal.say_json(pages.document(model))
    else:
        pages.show(model)


def where(given: Any) -> None:
    """Print the folder of a model that is here, or that of all."""
    if not given.maybe_name:
        _say_folder(given, str(store_folder()), {})
        return
    model = reading.model(given.maybe_name)
    files = local_files(model)
    if not files:
        raise WeightsError(f"'{model.name}' is not here; {advice(model)}")
    _say_folder(given, str(model_folder(model.name)), {name: str(path) for name, path in files.items()})


def _say_folder(given: Any, folder: str, files: dict[str, str]) -> None:
    if given.json:
        terminal.say_json({"folder": folder, "files": files})
    else:
        terminal.say(folder)
