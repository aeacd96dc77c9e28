"""Publishing: results go into the project, and its documents show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchError
from benchmarks.records import folder as records
from benchmarks.records.result import Result
from benchmarks.statistics.gathering import machine_name
from benchmarks.tables import documents
from benchmarks.tables.markers import find
from converters.files.staging import Stage, check_output, commit

HOME = Path("benchmarks/results")
# Documents of a project that may hold tables.
PLACES = ("README.md", "docs/*.md")


@dataclass(frozen=True)
class Published:
    """Where `count` results lie now, and the documents whose tables changed."""

    folder: Path
    count: int
    changed: tuple[Path, ...]


def publish(results: Path, root: Path, name: str = "", named: Sequence[Path] = (), *, force: bool = False) -> Published:
    """Copy results to `root`/benchmarks/results/<machine>/<name> and write the tables of documents anew.

    `name` is by default that of the only model. Documents are those `named`, else README.md and docs/*.md that hold
    tables. BenchError for results of several machines or runs, for what lies there already or comes from an uncommitted
    tree without `force`, and for documents whose tables cannot be made: then they stay as they were.
    """
    found = records.read_all(results)
    machine = _one("machines", {machine_name(each.machine) for each in found})
    _one("runs", {each.run for each in found})
    folder = root / HOME / machine / (name or _one("models", {each.model for each in found if each.model}))
    chosen = list(named) or [path for place in PLACES for path in sorted(root.glob(place)) if _has_tables(path)]
    if results.resolve() != folder.resolve():
        _check_committed(found, force=force)
        _copy(found, folder, force=force)
    changed = tuple(path for path in chosen if documents.refresh_file(path, root))
    return Published(folder, len(found), changed)


def _one(what: str, names: set[str]) -> str:
    if len(names) != 1:
        listed = ", ".join(sorted(names)) or "none"
        hint = "; name the folder with --as" if what == "models" else ""
        raise BenchError(f"the results are those of several {what}: {listed}; expected one{hint}")
    return names.pop()


def _check_committed(found: Sequence[Result], *, force: bool) -> None:
    dirty = sum(each.dirty for each in found)
    if dirty and not force:
        raise BenchError(
            f"{dirty} of {len(found)} results come from files that no commit holds, so nobody can repeat them; commit, "
            "and measure again, or publish them all the same with --force"
        )


def _copy(found: Sequence[Result], folder: Path, *, force: bool) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_output(folder, force=force, folder=True)
    _check_ours(folder)
    # Rows of two runs in one folder would be told as one.
    with Stage(folder, force=force, whole=True) as stage:
        with stage.writing():
            stage.path.mkdir()
            for result in found:
                # What processes printed names folders of the person who measured; reasons stand in the results.
                records.write(result.model_copy(update={"stderr_tail": ""}), stage.path)
        commit([stage])


def _check_ours(folder: Path) -> None:
    """Refuse a folder that holds more than results: it is replaced as a whole."""
    known = set(records.files(folder)) if folder.is_dir() else set()
    strange = sorted(path.name for path in folder.iterdir() if path not in known) if folder.is_dir() else []
    if strange:
        raise BenchError(f"{folder}: holds other things than results ({strange[0]}); move them, or choose another name")


def _has_tables(path: Path) -> bool:
    return bool(find(path.read_text(encoding="utf-8"), str(path), documents.OPTIONS))
