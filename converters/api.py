"""The conversions as functions: what `converters.save` and `converters.verify` are."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from converters import formats
from converters.conversion import pipeline, verification
from converters.conversion.pipeline import Conversion
from converters.conversion.preparation import prepared
from converters.conversion.verification import Verification
from converters.files.hashing import FileHashes, short_names
from converters.ir import Graph
from converters.options import Options, UsageError


def save(graph: Graph, path: str | Path, target: str | None = None, **options: Any) -> Conversion:
    """Write a graph as a model of Keras, PyTorch or ONNX, and prove it before it appears at `path`.

    `target` is "keras", "torch" or "onnx"; without it the suffix of `path` decides, none means PyTorch. `options`
    are the fields of `converters.options.Options`, for example `cut=("fc7",)`, `l2_normalize=True`, `dtype="float16"`,
    `dynamic=("batch", "height", "width")`, `verify=False`, `force=True`. What `options` ask to change is changed first.
    Raises ConversionError, and leaves nothing behind then.
    """
    given = _options(options, out=Path(path))
    if target is not None and target not in formats.TARGETS:
        raise UsageError(f"there is no target '{target}'; choose one of {', '.join(formats.TARGETS)}")
    kind = formats.TARGETS[target] if target else formats.target_of(Path(path))
    pipeline.check_request(kind, given)
    known, files = _with_hashes(graph)
    return pipeline.write(prepared(known, given), kind, given, files)


def verify(graph: Graph, against: str | Path | Graph, **options: Any) -> Verification:
    """Compare a graph with a converted model, node by node where that allows it; or with another graph.

    `options` are the fields of `converters.options.Options`, for example `tolerance=1e-4`. The result's `ok` and
    `problems()` tell the verdict. Raises ConversionError when there is nothing to compare.
    """
    given = _options(options)
    if isinstance(against, Graph):
        return verification.verify_sources(prepared(graph, given), prepared(against, given), against.name, given)
    verification.check_exists(Path(against))
    return verification.verify_artefact(prepared(graph, given), Path(against), given)


def _options(given: Mapping[str, Any], **more: Any) -> Options:
    try:
        return Options(**{**given, **more})
    except TypeError as error:
        raise UsageError(f"no such option: {error}") from None


def _with_hashes(graph: Graph) -> tuple[Graph, dict[str, Path]]:
    """Return the graph with its files' sha256 known, and the files; those of a graph that was read already are kept."""
    paths = [Path(name) for name, sha256 in graph.source.files.items() if not sha256 and Path(name).is_file()]
    if not paths:
        return graph, {}
    files = short_names(paths)
    return replace(graph, source=replace(graph.source, files=FileHashes(files))), files
