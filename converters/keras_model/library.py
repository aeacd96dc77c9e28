"""Keras and its backend, loaded in silence: everything else here takes them from this module."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# TensorFlow reads these once, when it is loaded: without them it writes to stderr behind Python's back.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import keras
from keras import layers, ops

__all__ = ["keras", "layers", "ops", "plus", "quietly"]


def plus(x: Any, y: Any) -> Any:
    """Add two tensors that may broadcast.

    On TensorFlow `ops.add` takes a second term with one axis longer than 1 for a bias along the first other axis that
    happens to have this length (keras/src/backend/tensorflow/numpy.py): terms of equal shape and numbers are safe from
    that, and so is a difference, which rounds as the sum does.
    """
    return ops.subtract(x, -y if isinstance(y, np.ndarray) else ops.negative(y))


@contextmanager
def quietly() -> Iterator[None]:
    """Keep TensorFlow's advice (what to trace less often, where assets went) out of stderr; errors still show."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
