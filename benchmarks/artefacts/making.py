"""Making what a request asks for: what is kept in the work folder is taken from there, what fails fails alone."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.artefacts import network, probe
from benchmarks.artefacts.conversions import CONVERSIONS, FORMS, INT8, ORIGINAL
from benchmarks.artefacts.images import Gallery
from benchmarks.artefacts.network import Network
from benchmarks.artefacts.request import ANY, Answer, Request, at_batch
from benchmarks.artefacts.store import Entry, Store, store_of, versions
from benchmarks.errors import BenchError, UsageError
from converters import formats
from converters.errors import Refusal, UnsupportedError


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
    return store_of(work, found.name, found.sha256, found.nodes, {"stated": stated} if any(stated.values()) else {})


@dataclass(eq=False)
class Maker:
    """Makes the kinds of one network, one after the other, and gathers what came of each."""

    request: Request
    network: Network
    store: Store
    files: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def gallery(self) -> Gallery:
        """Return where images come from."""
        return Gallery(self.request.seed, self.request.image_folder)

    def kind(self, kind: str) -> None:
        """Make one kind for every batch size wanted; what cannot be made is noted in `failed`."""
        if kind in ORIGINAL:
            self._attempt(kind, kind, lambda: self.files.setdefault(kind, {ANY: ORIGINAL[kind](self.network)}))
            return
        if not self.network.pinned and self._open(kind):
            return
        for batch in dict.fromkeys(self.request.batches):
            self._attempt(kind, at_batch(kind, batch), self._making(kind, str(batch)))

    def _open(self, kind: str) -> bool:
        """Make one file for all batch sizes; False where the target keeps no batch open, and may take a fixed one."""
        try:
            self._attempt(kind, kind, self._making(kind, ANY), UnsupportedError)
        except UnsupportedError:
            return False
        return True

    def _attempt(self, kind: str, what: str, make: Callable[[], object], *passed: type[Exception]) -> None:
        """Make something; whatever goes wrong concerns it alone, but for the exceptions that are `passed` on."""
        try:
            make()
        except passed:
            raise
        except Refusal as error:
            self.failed[what] = "; ".join(error.problems)
        except Exception as error:  # noqa: BLE001 - libraries raise anything; the others go on, the trace is on stderr
            traceback.print_exc()
            self.failed[what] = f"{kind} cannot be made: {type(error).__name__}: {error}"

    def _making(self, kind: str, batch: str) -> Callable[[], None]:
        def make() -> None:
            facts = self.made(kind, batch)
            folder = self.entry(kind, batch).folder
            named = {role: str(folder / name) for role, name in FORMS[kind].files.items()}
            self.files.setdefault(kind, {})[batch] = named
            self.facts.setdefault(kind, {})[batch] = facts

        return make

    def made(self, kind: str, batch: str) -> dict[str, Any]:
        """Return what is recorded of a kind at a batch size; it is made now if it is not there."""
        entry = self.entry(kind, batch)
        known = entry.facts()
        if known is not None:
            return known
        if kind == INT8:
            return entry.made(self._quantised(batch))
        graph = self.network.graph if batch == ANY else self.network.at_batch(int(batch))
        return entry.made(lambda folder: CONVERSIONS[kind](graph, folder, batch == ANY))

    def entry(self, kind: str, batch: str) -> Entry:
        """Return the place of a kind at a batch size."""
        decided: dict[str, Any] = {"versions": versions(FORMS[kind].libraries)}
        if kind == INT8:
            decided["calibration"] = self.gallery.content(*self._calibrating())
        return self.store.entry(kind if batch == ANY else f"{kind}-batch{batch}", decided)

    def _calibrating(self) -> tuple[int, int]:
        """Return the number of the first image for calibration, and how many: none of the probe set is among them."""
        return self.request.images, self.request.calibration_images

    def _quantised(self, batch: str) -> Callable[[Path], Mapping[str, Any]]:
        quantization = formats.load("benchmarks.artefacts.quantization")
        self.made("onnx", batch)
        model = self.entry("onnx", batch).folder / FORMS["onnx"].files["model"]
        size = probe.batch_size(self.network.graph, self.request.calibration_images) if batch == ANY else int(batch)

        def make(folder: Path) -> Mapping[str, Any]:
            pictures = self.gallery.pictures(self.network, *self._calibrating())
            if not pictures.names:
                raise BenchError(
                    f"{self.request.image_folder}: holds no image beside the {self.request.images} of the probe set, "
                    "and int8 is calibrated on others; add images, or ask for a smaller probe set"
                )
            out = folder / FORMS[INT8].files["model"]
            facts: dict[str, Any] = quantization.quantize(model, out, pictures, self.network.input_name, size)
            return facts

        return make

    def answer(self) -> Answer:
        """Return what was made, and the probe set with it."""
        found = self.network
        return Answer(
            model=found.name,
            model_sha256=found.sha256,
            nodes=found.nodes,
            input_shape=found.input_shape,
            network=network.facts(found),
            files=self.files,
            failed=self.failed,
            facts=self.facts,
            probe=str(self._probe()),
        )

    def _probe(self) -> Path:
        entry = probe_entry(self.store, self.request)
        images = self.request.images

        def make(folder: Path) -> dict[str, Any]:
            pictures = self.gallery.pictures(self.network, 0, images)
            probe.write_probe(self.network, self.network.sha256, pictures, folder / probe.FILE)
            return {"images": len(pictures.names)}

        entry.made(make)
        return entry.folder / probe.FILE


def probe_entry(store: Store, request: Request) -> Entry:
    """Return the place of a network's probe set; sets of other images lie beside it."""
    gallery = Gallery(request.seed, request.image_folder)
    return store.entry_by("probe", {"images": gallery.content(0, request.images), "versions": versions(("numpy",))})
