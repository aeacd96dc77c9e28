"""Making what a request asks for: what is kept in the work folder is taken from there, what fails fails alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.artefacts import network, probe
from benchmarks.artefacts.conversions import CONVERTED, ORIGINAL, Kind
from benchmarks.artefacts.images import Gallery
from benchmarks.artefacts.network import Network
from benchmarks.artefacts.request import ANY, Answer, Request, at_batch
from benchmarks.artefacts.store import Entry, Store, store_of
from benchmarks.errors import UsageError
from converters.errors import ConversionError, Refusal, UnsupportedError

QUANTIZED = "onnx-int8"


def answer(request: Request) -> Answer:
    """Make what is asked for and not there yet; BenchError where the network itself cannot be used."""
    problems = request.problems()
    if problems:
        raise UsageError(problems)
    found = network.read_network(request)
    work = Path(request.folder).resolve()
    work.mkdir(parents=True, exist_ok=True)
    store = store_for(found, request, work)
    with store.locked():
        maker = Maker(request, found, store)
        for kind in dict.fromkeys(request.kinds):
            maker.kind(kind)
        return maker.answer()


def store_for(found: Network, request: Request, work: Path) -> Store:
    """Return where what is made of a network is kept."""
    stated = {"order": request.channel_order, "mean": list(request.mean), "scale": list(request.scale)}
    return store_of(work, found.name, found.sha256(), found.nodes, {"stated": stated} if any(stated.values()) else {})


@dataclass(eq=False)
class Maker:
    """Makes the kinds of one network, one after the other, and gathers what came of each."""

    request: Request
    network: Network
    store: Store
    files: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def kind(self, kind: str) -> None:
        """Make one kind; what cannot be made is noted in `failed`."""
        if kind in ORIGINAL:
            self._original(kind)
            return
        reason = self.network.pinned
        if not reason:
            try:
                self._note(kind, ANY, self.made(kind, ANY))
            except UnsupportedError as error:
                reason = "; ".join(error.problems)  # the target may keep no batch open, and take a fixed one
            except Refusal as error:
                self.failed[kind] = "; ".join(error.problems)
        if reason:
            for batch in dict.fromkeys(self.request.batches):
                self._at_batch(kind, batch)

    def _at_batch(self, kind: str, batch: int) -> None:
        try:
            self._note(kind, str(batch), self.made(kind, str(batch)))
        except Refusal as error:
            self.failed[at_batch(kind, batch)] = "; ".join(error.problems)

    def _original(self, kind: str) -> None:
        try:
            self.files[kind] = {ANY: ORIGINAL[kind](self.network)}
        except ConversionError as error:
            self.failed[kind] = "; ".join(error.problems)

    def _note(self, kind: str, batch: str, facts: Mapping[str, Any]) -> None:
        entry = self.entry(kind, batch)
        named = self._kind(kind).files
        self.files.setdefault(kind, {})[batch] = {role: str(entry.folder / name) for role, name in named.items()}
        self.facts.setdefault(kind, {})[batch] = dict(facts)

    def made(self, kind: str, batch: str) -> dict[str, Any]:
        """Return what is recorded of a kind at a batch size, made now if it is not there; Refusal where it cannot."""
        how = self._kind(kind)
        graph = self.network.graph if batch == ANY else self.network.at_batch(int(batch))
        return self.entry(kind, batch).made(lambda folder: how.make(graph, folder, batch == ANY))

    def entry(self, kind: str, batch: str) -> Entry:
        """Return the place of a kind at a batch size."""
        return self.store.entry(kind if batch == ANY else f"{kind}-batch{batch}", versions(self._kind(kind).libraries))

    def _kind(self, kind: str) -> Kind:
        return CONVERTED[kind]

    def answer(self) -> Answer:
        """Return what was made, and the probe set with it."""
        found = self.network
        return Answer(
            model=found.name,
            model_sha256=found.sha256(),
            nodes=found.nodes,
            input_shape=found.input_shape,
            network=network.facts(found),
            files=self.files,
            failed=self.failed,
            facts=self.facts,
            probe=str(self._probe()),
        )

    def _probe(self) -> Path:
        gallery = Gallery(self.request.seed, self.request.image_folder)
        images = self.request.images
        decided = {"images": gallery.content(0, images), "numpy": versions(("numpy",))}
        entry = self.store.entry(f"probe-{images}-{self.request.seed}", decided)

        def make(folder: Path) -> dict[str, Any]:
            pictures = gallery.pictures(self.network, 0, images)
            probe.write_probe(self.network, self.network.sha256(), pictures, folder / probe.FILE)
            return {"images": len(pictures.names)}

        entry.made(make)
        return entry.folder / probe.FILE


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of distributions that are installed."""
    found = {}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
