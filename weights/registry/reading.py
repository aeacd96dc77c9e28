"""The table of published models: models.toml of this package, and a further one of a person's own.

    [families.F]            what several models share: task, licence, paper, page, pixels, traps, notes
    [models.M]              one model; what it says itself comes before what its family says
    [[models.M.downloads]]  a file (with its `role`), or an archive with its `members`

$FACEPORT_REGISTRY names the further one.
"""

import os
import tomllib
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from converters.errors import did_you_mean
from weights.errors import RegistryError, WeightsError
from weights.registry.checking import other_release_problem, problems
from weights.registry.model import Download, Licence, Member, PixelFacts, PublishedModel
from weights.registry.tables import Table

# Names a TOML file of the same kind, whose models come beside those of this package, or in their place.
REGISTRY_VARIABLE = "FACEPORT_REGISTRY"


def models() -> dict[str, PublishedModel]:
    """Return all published models by name; RegistryError with everything that is wrong in a table."""
    return dict(_models(os.environ.get(REGISTRY_VARIABLE, "")))


def model(name: str) -> PublishedModel:
    """Return a published model; WeightsError with the nearest spelling when there is none of this name."""
    known = models()
    if name not in known:
        hint = did_you_mean(name, known)
        raise WeightsError(f"there is no published model '{name}'{hint}; `weights list` shows those that are known")
    return known[name]


def read(path: Path | Traversable) -> dict[str, PublishedModel]:
    """Return the models of a table; RegistryError with everything that is wrong in it."""
    found: list[str] = []
    read_models = _read(Table(str(path), _told(path), found))
    for each in read_models.values():
        found += [f"{path}: models.{each.name}: {problem}" for problem in problems(each)]
    if found:
        # A family is read once for each of its models.
        raise RegistryError(dict.fromkeys(found))
    return read_models


@lru_cache(maxsize=8)
def _models(own: str) -> dict[str, PublishedModel]:
    found = read(resources.files("weights") / "models.toml")
    if own:
        found |= read(Path(own))
    wrong = [(each.name, other_release_problem(each, found)) for each in found.values()]
    unfit = [f"models.{name}: {problem}" for name, problem in wrong if problem]
    if unfit:
        raise RegistryError(unfit)
    return found


def _told(path: Path | Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryError(f"{path}: is no TOML: {error}") from error


def _read(file: Table) -> dict[str, PublishedModel]:
    families = {table.name: table for table in file.tables("families")}
    made = [_model(table, families) for table in file.tables("models")]
    for table in families.values():
        _asked_of_families(table)
    file.close()
    return {each.name: each for each in made}


def _model(table: Table, families: dict[str, Table]) -> PublishedModel:
    family = table.text("family")
    shared = families.get(family)
    if shared is None:
        if family:
            table.refuse(
                f"its family is '{family}', but there is no [families.{family}]{did_you_mean(family, families)}; "
                "add it: it may be empty"
            )
        shared = Table(table.place, {}, [], family)
    made = PublishedModel(
        name=table.name,
        title=table.text("title"),
        family=family,
        task=_own_or(table, shared, "task"),
        format=table.text("format"),
        licence=_licence(table if table.has("licence") else shared),
        paper=_own_or(table, shared, "paper"),
        page=_own_or(table, shared, "page"),
        downloads=tuple(_download(each) for each in table.tables("downloads")),
        pixels=_pixels(table if table.has("pixels") else shared),
        prototxt=table.text("prototxt", ""),
        labels=table.texts("labels"),
        embeddings=table.wholes("embeddings"),
        other_release=table.text("other_release", ""),
        good_for=table.text("good_for"),
        traps=(*table.texts("traps"), *shared.texts("traps")),
        notes=(*table.texts("notes"), *shared.texts("notes")),
    )
    table.close()
    return made


def _own_or(table: Table, shared: Table, key: str) -> str:
    return table.text(key) if table.has(key) or not shared.has(key) else shared.text(key)


def _licence(table: Table) -> Licence:
    inner = table.table("licence")
    if inner is None:
        table.refuse("'licence' is missing")
        return Licence(name="", text="")
    made = Licence(
        name=inner.text("name"),
        text=inner.text("text"),
        url=inner.text("url", ""),
        non_commercial=inner.flag("non_commercial"),
    )
    inner.close()
    return made


def _pixels(table: Table) -> PixelFacts | None:
    inner = table.table("pixels")
    if inner is None:
        return None
    crop = inner.numbers("crop", (0, 0))
    if len(crop) != 2:
        inner.refuse(f"'crop' has {len(crop)} values, expected height and width")
        crop = (0, 0)
    made = PixelFacts(
        channel_order=inner.text("channel_order"),
        mean=inner.numbers("mean"),
        scale=inner.numbers("scale", (1.0,)),
        resize=inner.whole("resize") or 0,
        crop=(int(crop[0]), int(crop[1])),
        note=inner.text("note", ""),
    )
    inner.close()
    return made


def _download(table: Table) -> Download:
    name, archive = table.text("name"), table.flag("archive")
    size_bytes, sha256 = table.whole("size_bytes"), table.text("sha256", "")
    if table.has("role"):
        members: tuple[Member, ...] = (
            Member(name=name, role=table.text("role"), size_bytes=size_bytes, sha256=sha256),
        )
    else:
        members = tuple(_member(each) for each in table.tables("members"))
    made = Download(
        name=name,
        urls=table.texts("urls"),
        size_bytes=size_bytes,
        sha256=sha256,
        md5=table.text("md5", ""),
        archive=archive,
        members=members,
    )
    table.close()
    return made


def _member(table: Table) -> Member:
    made = Member(
        name=table.text("name"),
        role=table.text("role"),
        within=table.text("within", ""),
        size_bytes=table.whole("size_bytes"),
        sha256=table.text("sha256", ""),
    )
    table.close()
    return made


def _asked_of_families(table: Table) -> None:
    """Note keys that no family has; nobody asks a family without models."""
    for key in ("task", "licence", "paper", "page", "pixels", "traps", "notes"):
        table.has(key)
    table.close()
