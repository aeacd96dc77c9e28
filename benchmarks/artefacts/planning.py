"""What a request would take, told without converting anything: problems, what is there, what is to be made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.artefacts.conversions import FORMS, INT8, ORIGINAL
from benchmarks.artefacts.images import Gallery
from benchmarks.artefacts.making import Maker, probe_entry, store_for
from benchmarks.artefacts.network import Network, facts, read_network
from benchmarks.artefacts.request import ANY, Request, at_batch
from benchmarks.errors import BenchError
from converters.errors import Refusal, UnsupportedError
from converters.formats import DISTRIBUTION, EXTRAS

# What is imported to make a kind, beside NumPy.
IMPORTED: Mapping[str, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxruntime"),
    "onnx-fp16": ("onnx", "onnxruntime"),
    INT8: ("onnx", "onnxruntime"),
    "torch": ("torch",),
    "keras": ("keras", "tensorflow"),
}


@dataclass(frozen=True)
class Plan:
    """What a request comes to before anything is made.

    `there` and `missing` name kinds ("onnx", "onnx at batch 8") and "probe set"; `bytes_to_write` is about what the
    missing ones take on the disk. `problems` are those of the request, the model and the kinds, all of them.
    """

    model: str = ""
    model_sha256: str = ""
    nodes: tuple[str, ...] = ()
    input_shape: tuple[int, ...] = ()
    network: Mapping[str, object] = field(default_factory=dict)
    there: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    bytes_to_write: int = 0
    problems: tuple[str, ...] = ()


def plan(request: Request) -> Plan:
    """Return what a request would take; the model is read, nothing is converted and nothing is written."""
    problems = [*request.problems(), *_libraries(request), *_images(request)]
    try:
        found = read_network(request) if request.model else None
    except BenchError as error:
        problems += error.problems
        found = None
    if found is None:
        return Plan(problems=tuple(problems))
    problems += _unsuited(request, found)
    there, missing = _state(request, found)
    told = facts(found)
    return Plan(
        model=found.name,
        model_sha256=found.sha256,
        nodes=found.nodes,
        input_shape=found.input_shape,
        network=told,
        there=tuple(there),
        missing=tuple(missing),
        bytes_to_write=sum(int(told["weight_bytes"] * SHARES.get(what.split()[0], 0)) for what in missing),
        problems=tuple(problems),
    )


def _libraries(request: Request) -> Iterator[str]:
    for kind in dict.fromkeys(request.kinds):
        absent = [name for name in IMPORTED.get(kind, ()) if find_spec(name) is None]
        if absent:
            extra = EXTRAS[absent[0]]
            how = f"install it with: pip install '{DISTRIBUTION}[{extra}]'"
            yield f"{kind}: {', '.join(absent)} is not installed; {how}"


def _images(request: Request) -> Iterator[str]:
    if request.image_folder:
        try:
            count = len(Gallery(request.seed, request.image_folder).available())
        except BenchError as error:
            yield from error.problems
            return
        if INT8 in request.kinds and count <= request.images:
            yield f"{request.image_folder}: holds {count} images, none beside the {request.images} of the probe set"


def _unsuited(request: Request, found: Network) -> Iterator[str]:
    for kind in dict.fromkeys(request.kinds):
        if kind in ORIGINAL:
            try:
                ORIGINAL[kind](found)
            except UnsupportedError as error:
                yield from (f"{kind}: {line}" for line in error.problems)
    for batch in dict.fromkeys(request.batches) if found.pinned else ():
        try:
            found.at_batch(batch)
        except Refusal as error:
            yield f"batch {batch}: {'; '.join(error.problems)}"


def _state(request: Request, found: Network) -> tuple[list[str], list[str]]:
    """Return what is there, and what is missing; a target that keeps no batch open is known only once it was tried."""
    store = store_for(found, request, Path(request.folder).resolve())
    maker = Maker(request, found, store)
    there: list[str] = []
    missing: list[str] = []
    for kind in dict.fromkeys(request.kinds):
        if kind in ORIGINAL:
            there.append(kind)
        elif kind in FORMS:
            for name, known in _entries(maker, kind):
                (there if known else missing).append(name)
    (there if probe_entry(store, request).facts() is not None else missing).append("probe set")
    return there, missing


def _entries(maker: Maker, kind: str) -> list[tuple[str, bool]]:
    single = maker.entry(kind, ANY).facts() is not None
    batches = [
        (at_batch(kind, size), maker.entry(kind, str(size)).facts() is not None)
        for size in dict.fromkeys(maker.request.batches)
    ]
    return batches if maker.network.pinned or (not single and all(known for _, known in batches)) else [(kind, single)]


# A kind's file, as a share of the weights in float32.
SHARES: Mapping[str, float] = {"onnx": 1, "onnx-fp16": 0.5, INT8: 0.25, "torch": 1, "keras": 1}
