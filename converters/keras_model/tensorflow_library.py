"""TensorFlow, loaded in the same silence as Keras: everything else here takes it from this module."""

from converters.keras_model import library  # noqa: F401 - sets what TensorFlow reads when it is loaded

# isort: split
import tensorflow as tf

__all__ = ["tf"]
