"""How long reading, parsing and writing take: `pytest benchmarks` (pytest-benchmark prints the table).

Small networks, so that constant costs show; `python -m benchmarks.studies.full_size` measures a full-size one.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import prototxt
from converters.caffe.net import resolve
from converters.caffe.text import parse, read_prototxt
from converters.caffe.weights import read_weights
from converters.from_caffe import read_caffe
from converters.ir import Graph

Benchmark = Callable[..., Any]
TINY = prototxt.find("vgg-face-tiny")
TARGETS = {"onnx": "tiny.onnx", "torch": "tiny", "keras": "tiny.keras"}


@pytest.fixture(scope="module")
def graph() -> Graph:
    """The tiny VGG-Face."""
    assert TINY.weights is not None
    return read_caffe(TINY.prototxt, TINY.weights)


@pytest.mark.parametrize("name", ["vgg-face", "resnet50"])
def test_parse_prototxt(benchmark: Benchmark, name: str) -> None:
    """Text to message tree."""
    path = prototxt.find(name).prototxt
    assert benchmark(parse, path.read_text(), str(path)).names()


@pytest.mark.parametrize("name", ["vgg-face", "resnet50"])
def test_upgrade_layers(benchmark: Benchmark, name: str) -> None:
    """Message tree to layers."""
    assert benchmark(resolve, read_prototxt(prototxt.find(name).prototxt)).layers


def test_open_caffemodel(benchmark: Benchmark) -> None:
    """Finding every blob in a mapped file."""
    assert len(benchmark(read_weights, TINY.weights).layers) == 16


def test_read_network(benchmark: Benchmark) -> None:
    """Two files to a graph."""
    assert benchmark(read_caffe, TINY.prototxt, TINY.weights).nodes


@pytest.mark.parametrize("target", TARGETS)
def test_write(benchmark: Benchmark, graph: Graph, tmp_path: Path, target: str) -> None:
    """A graph to a file, in each format."""
    save = import_module(f"converters.to_{target}").save
    path = tmp_path / TARGETS[target]
    written = benchmark(save, graph, path)
    assert all(file.stat().st_size for file in written)


def test_reference(benchmark: Benchmark, graph: Graph) -> None:
    """One image through the NumPy reference."""
    samples = import_module("converters.parity").sample_feeds(graph)
    assert "prob" in benchmark(graph.run, samples)
