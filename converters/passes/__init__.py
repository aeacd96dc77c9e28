"""Graph to graph: cut, fold, bake, resize, make fully convolutional. Each pass returns a new network."""

from converters.passes.convolving import dense_to_conv
from converters.passes.cutting import cut, l2_normalize, value_named
from converters.passes.folding import fold_batch_norm
from converters.passes.precision import non_finite_weights, rounded_to_half
from converters.passes.preprocessing import bake_preprocessing, override_preprocessing, preprocessed
from converters.passes.sizes import OpenAxes, at_another_size, open_axes, resize

__all__ = [
    "OpenAxes", "at_another_size", "bake_preprocessing", "cut", "dense_to_conv", "fold_batch_norm", "l2_normalize",
    "non_finite_weights", "open_axes", "override_preprocessing", "preprocessed", "resize", "rounded_to_half",
    "value_named",
]  # fmt: skip
