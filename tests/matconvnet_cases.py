"""What tests of MatConvNet's networks share: reading a case, drawing maps, telling how far two arrays are apart."""

import numpy as np

from cases import MatCase
from converters.from_matconvnet import read_matconvnet
from converters.ir import Graph
from matlab_files import Array


def difference(got: Array, wanted: Array) -> float:
    """Largest difference over the largest value."""
    assert got.shape == wanted.shape
    assert np.isfinite(got).all()
    return float(np.abs(got.astype(np.float64) - wanted).max() / (np.abs(wanted).max() or 1.0))


def read_case(case: MatCase, file: str = "net.mat") -> Graph:
    return read_matconvnet(case.path / file, input_shapes=case.input_shapes)


def normal(rng: np.random.Generator, *size: int) -> Array:
    """Draw normal values of both signs, such as maps of H x W x C x N."""
    return rng.standard_normal(size).astype(np.float32)
