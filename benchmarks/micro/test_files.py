"""How long reading, parsing and writing networks take.

Small networks, so that constant costs show; `python -m benchmarks.studies.full_size` measures a full-size one.
"""

from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

import prototxt
from benchmarks.micro.pairs import Against
from benchmarks.micro.yardsticks import json_loads, product_of, python_loop
from converters.caffe.net import resolve
from converters.caffe.text import parse, read_prototxt
from converters.caffe.weights import read_weights
from converters.from_caffe import read_caffe
from converters.ir import Graph
from converters.parity import compare, sample_feeds

TINY = prototxt.find("vgg-face-tiny")
TARGETS = {"onnx": "tiny.onnx", "torch": "tiny", "keras": "tiny.keras"}


@pytest.fixture(scope="module")
def weights() -> Path:
    """The tiny VGG-Face's caffemodel."""
    assert TINY.weights is not None
    return TINY.weights


@pytest.fixture(scope="module")
def graph(weights: Path) -> Graph:
    """The tiny VGG-Face."""
    return read_caffe(TINY.prototxt, weights)


@pytest.mark.parametrize("name", ["vgg-face", "resnet50"])
def test_parse_prototxt(against: Against, name: str) -> None:
    """Text to message tree."""
    path = prototxt.find(name).prototxt
    assert against(json_loads(), partial(parse, path.read_text(), str(path))).names()


@pytest.mark.parametrize("name", ["vgg-face", "resnet50"])
def test_upgrade_layers(against: Against, name: str) -> None:
    """Message tree to layers."""
    assert against(python_loop(), partial(resolve, read_prototxt(prototxt.find(name).prototxt))).layers


def test_open_caffemodel(against: Against, weights: Path) -> None:
    """Finding every blob in a mapped file."""
    assert len(against(python_loop(), partial(read_weights, weights)).layers) == 16


def test_read_network(against: Against, weights: Path) -> None:
    """Two files to a graph."""
    assert against(python_loop(), partial(read_caffe, TINY.prototxt, weights)).nodes


@pytest.mark.parametrize("target", TARGETS)
def test_write(against: Against, graph: Graph, tmp_path: Path, target: str) -> None:
    """A graph to a file, in each format, without proof."""
    save = import_module(f"converters.to_{target}").save
    written = against(python_loop(), partial(save, graph, tmp_path / TARGETS[target]))
    assert all(file.stat().st_size for file in written)


def test_compare(against: Against, graph: Graph) -> None:
    """Every value of one image beside its reference: the proof of a conversion, without the runs."""
    feeds = sample_feeds(graph)
    values = graph.run(feeds)
    got = {node.name: values[node.name].copy() for node in graph.nodes}
    assert against(python_loop(), partial(compare, graph, feeds, got, reference=values)).ok


def test_reference(against: Against, graph: Graph) -> None:
    """One image through the NumPy reference."""
    feeds = sample_feeds(graph)
    assert "prob" in against(product_of(256, 256, 256), partial(graph.run, feeds))
