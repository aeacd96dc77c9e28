"""The commands about data sets: what there is, what is wrong with it, and how it is divided."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from converters.command_line import terminal
from converters.command_line.application import listed
from heads.command_line import arguments as arg
from heads.face_files import write_table
from heads.faces import FaceTable


def layouts(given: Any) -> None:
    """List the layouts that are read."""
    from heads.layouts.reading import describe

    found = describe()
    if given.json:
        terminal.say_json(found)
        return
    for facts in found:
        name, *rest = facts.items()
        terminal.say(name[1], "bold")
        for title, text in rest:
            terminal.say(f"  {title.replace('_', ' '):<14}{text}")


def draw(given: Any) -> None:
    """Draw a synthetic set."""
    from heads.synthetic.drawn_set import draw_faces

    with terminal.progress() as progress:
        progress("drawing", 0.0)
        drawn = draw_faces(given.drawn, given.people, given.per_person, given.seed)
    facts = {"folder": str(given.drawn), "faces": len(drawn), "identities": given.people, "seed": given.seed}
    if given.json:
        terminal.say_json({**facts, "layout": drawn.layout})
    else:
        terminal.say(f"drew {len(drawn):,} synthetic faces of {given.people} identities into {given.drawn}")
        terminal.say(f"they show nobody; their layout is called {drawn.layout}")


def check(given: Any) -> None:
    """Say what is in a data set and what is wrong with it."""
    from heads.checks import CheckOptions
    from heads.checks import check as checked
    from heads.command_line.printing import show_tables

    faces = _read(given)
    with terminal.progress() as progress:
        found = checked(faces, CheckOptions(open_images=given.open_images, **_near(given)), progress=progress)
    if given.json:
        terminal.say_json(found.as_json())
        return
    show_tables(found.tables())
    terminal.warn(found.problems)


def split(given: Any) -> None:
    """Divide a data set, and say what leaks."""
    from converters.files.staging import Stage, check_output, commit
    from heads.command_line.printing import show_tables
    from heads.splits import SplitOptions
    from heads.splits import split as divided

    lists: dict[str, Any] = {name: listed(getattr(given, name)) for name in ("stratify", "per_group_by")}
    told = {name: getattr(given, name) for name in _names(SplitOptions) if name not in (*lists, "near_distance")}
    wanted = SplitOptions(**{**told, **lists, **_near(given)})
    check_output(given.out, force=given.force)
    faces = _read(given)
    with terminal.progress() as progress:
        found = divided(faces, wanted, vectors=_vectors(given.similar), progress=progress)
    with Stage(given.out, force=given.force) as stage:
        with stage.writing():
            write_table(found.table, stage.path, place=given.out)
        commit([stage])
    if given.json:
        terminal.say_json({**found.as_json(), "file": str(given.out)})
        return
    show_tables(found.tables())
    terminal.warn(found.warnings())
    seed = "" if found.table.seed is None else f", seed {found.table.seed}"
    terminal.say(f"wrote {given.out} ({len(found.table):,} faces, split by {found.by}{seed})")


def _names(options: Any) -> list[str]:
    return [field.name for field in fields(options)]


def _near(given: Any) -> dict[str, Any]:
    """Return the distance of near duplicates if one is given; a negative one means equal files only."""
    bits = given.near_distance
    return {} if bits is None else {"near_distance": None if bits < 0 else bits}


def _read(given: Any) -> FaceTable:
    """Read a data set with the options of the command line."""
    from heads.layouts.options import LayoutOptions
    from heads.layouts.reading import read_faces

    told = {name: getattr(given, name) for name in _names(LayoutOptions)}
    told["files"] = tuple(given.files)
    told["groups"] = listed(given.groups)
    for name, option in (("columns", "--column"), ("values", "--value"), ("splits", "--part")):
        told[name] = arg.pairs(told[name], option)
    bounds = arg.numbers(told.pop("age_bounds"), "--age-bounds", int)
    if bounds:
        told["age_bounds"] = bounds
    with terminal.progress() as progress:
        progress("reading", 0.0)
        return read_faces(given.folder, given.layout, LayoutOptions(**told))


def _vectors(folder: Path | None) -> Any:
    """Return embeddings by which similar faces are found."""
    from heads.checks import Vectors
    from heads.embeddings.loading import load_labelled

    if folder is None:
        return None
    labelled = load_labelled(folder)
    return Vectors(list(labelled.table.rows["path"]), labelled.vectors)
