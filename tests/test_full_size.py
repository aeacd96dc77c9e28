"""VGG-Face at full size through all targets, held to what real Caffe computed from the same seeded weights."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies import full_size_model
from cases import vggface_full
from converters.from_caffe import read_caffe
from converters.ir import Graph
from converters.ops import Array
from converters.parity import sha256_of
from test_converters_from_caffe import difference
from test_converters_targets import TARGETS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Array]:
    network, weights, image = full_size_model.write(tmp_path_factory.mktemp("full"))
    assert sha256_of(weights) == full_size_model.SHA256
    return read_caffe(network, weights), np.load(image)


def check(values: dict[str, Array]) -> None:
    """Compare with real Caffe, whose blobs fc6 and fc7 are those after the ReLU."""
    for blob, wanted in vggface_full().blobs.items():
        value = {"fc6": "relu6", "fc7": "relu7"}.get(blob, blob)
        assert difference(values[value], wanted) < 1e-5, blob


def test_reference(model: tuple[Graph, Array]) -> None:
    graph, image = model
    assert graph.parameter_count() == 145_002_878
    check(graph.run({"data": image}))


@pytest.mark.parametrize("target", TARGETS)
def test_target(model: tuple[Graph, Array], target: str, tmp_path: Path) -> None:
    graph, image = model
    module, name = TARGETS[target]
    module.save(graph, tmp_path / name)
    check(module.run(graph, tmp_path / name, {"data": image}))
