"""Real trained networks through all targets, at their own and at other input sizes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from converters.from_caffe import read_caffe
from converters.ir import Graph
from converters.parity import compare
from converters.passes import cut
from real_files import mtcnn, open_nsfw
from test_converters_from_caffe import difference
from test_converters_targets import TARGETS

SIZES = {1: [(1, 3, 12, 12), (2, 3, 37, 50)], 2: [(1, 3, 24, 24), (3, 3, 24, 24)], 3: [(1, 3, 48, 48), (2, 3, 48, 48)]}


def agree(graph: Graph, target: str, folder: Path) -> None:
    """Convert, run what was written, and compare every value with the reference."""
    module, name = TARGETS[target]
    feeds = {key: np.random.default_rng(7).standard_normal(shape, np.float32) for key, shape in graph.inputs.items()}
    module.save(graph, folder / name)
    report = compare(graph, feeds, module.run(graph, folder / name, feeds))
    assert report.ok, report.problems()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("stage", "size"), [(stage, size) for stage, sizes in SIZES.items() for size in sizes])
def test_mtcnn(stage: int, size: tuple[int, ...], target: str, tmp_path: Path) -> None:
    agree(read_caffe(*mtcnn(stage), input_shapes={"data": size}), target, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("batch", [1, 2])
def test_open_nsfw(batch: int, target: str, tmp_path: Path) -> None:
    graph = read_caffe(*open_nsfw(), input_shapes={"data": (batch, 3, 224, 224)})
    assert graph.parameter_count() == 5_944_514
    agree(graph, target, tmp_path)


@pytest.mark.parametrize("target", TARGETS)
def test_embedding_of_open_nsfw_at_another_size(target: str, tmp_path: Path) -> None:
    embedding = cut(read_caffe(*open_nsfw()), ["pool"])
    agree(embedding.with_inputs({"data": (1, 3, 320, 256)}), target, tmp_path)


@pytest.mark.parametrize("stage", SIZES)
def test_mtcnn_in_opencv(stage: int) -> None:
    files = mtcnn(stage)
    for size in SIZES[stage]:
        graph = read_caffe(*files, input_shapes={"data": size})
        image = np.random.default_rng(8).standard_normal(size, np.float32)
        net = cv2.dnn.readNetFromCaffe(*map(str, files))
        net.setInput(image, "data")
        for name, value in graph.output_values(graph.run({"data": image})).items():
            assert difference(value, net.forward(name)) < 1e-5, name


def test_layers_of_the_training_network_are_named() -> None:
    (warning,) = read_caffe(*mtcnn(2)).warnings
    assert warning.endswith("det2.caffemodel: ignored layers that the network does not have: conv5-3")
