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
def quietly(*loggers: str) -> Iterator[None]:
    """Keep what these loggers say (TensorFlow's by default: advice on tracing, where assets went) out of stderr."""
    found = [logging.getLogger(name) for name in loggers or ("tensorflow",)]
    levels = [logger.level for logger in found]
    for logger in found:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(found, levels, strict=True):
            logger.setLevel(level)
