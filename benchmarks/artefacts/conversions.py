"""The kinds of artefacts: how each is made of a network, what it depends on, and what its files are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import converters
from benchmarks.artefacts.network import Network
from converters.errors import UnsupportedError
from converters.ir import Graph

INT8 = "onnx-int8"
# From a graph, a folder, and whether one file is to take every batch size, to facts that are recorded.
Make = Callable[[Graph, Path, bool], Mapping[str, Any]]


@dataclass(frozen=True)
class Form:
    """What a kind consists of: its files' names by role, and the distributions that decide what is in them."""

    files: Mapping[str, str]
    libraries: tuple[str, ...]


def converted(target: str, name: str, **options: Any) -> Make:
    """Return what converts a graph; the certificate of its proof lies beside the file, or in the folder."""

    def make(graph: Graph, folder: Path, any_batch: bool) -> Mapping[str, Any]:
        dynamic = ("batch",) if any_batch else ()
        done = converters.save(graph, folder / name, target, dynamic=dynamic, **options)
        certificate = done.certificate.relative_to(folder).as_posix() if done.certificate else ""
        return {
            "certificate": certificate,
            "difference": max(trial.report.largest for trial in done.trials) if done.trials else None,
        }

    return make


def source_files(network: Network) -> dict[str, str]:
    """Return the original files by role."""
    roles = ("network", "weights")
    return {role: str(path.resolve()) for role, path in zip(roles, network.files, strict=False)}


def caffe_files(network: Network) -> dict[str, str]:
    """Return the original files for a reader of Caffe's; UnsupportedError for a network of another format."""
    if network.source != "caffe":
        raise UnsupportedError(f"{network.files[0]}: is a network of {network.source}, not of Caffe")
    if len(network.files) != 2:
        raise UnsupportedError(f"{network.files[0]}: comes without a caffemodel")
    return source_files(network)


# Kinds that are files of their own.
FORMS: Mapping[str, Form] = {
    "onnx": Form({"model": "model.onnx"}, ("onnx",)),
    "onnx-fp16": Form({"model": "model.onnx"}, ("onnx",)),
    INT8: Form({"model": "model.onnx"}, ("onnx", "onnxruntime")),
    "torch": Form({"folder": "model"}, ()),
    "keras": Form({"model": "model.keras"}, ("keras",)),
}
# Those that are converted from the graph; int8 is made of what "onnx" is.
CONVERSIONS: Mapping[str, Make] = {
    "onnx": converted("onnx", "model.onnx"),
    "onnx-fp16": converted("onnx", "model.onnx", dtype="float16"),
    "torch": converted("torch", "model"),
    "keras": converted("keras", "model.keras"),
}
# Kinds that are the original files themselves.
ORIGINAL: Mapping[str, Callable[[Network], dict[str, str]]] = {"caffe": caffe_files, "source": source_files}
