"""Which op becomes what in Keras, and why some become nothing."""

from converters.keras_model.activation import ACTIVATION
from converters.keras_model.arithmetic import ARITHMETIC
from converters.keras_model.assembly import Builder
from converters.keras_model.convolution import CONVOLUTION
from converters.keras_model.normalization import NORMALIZATION
from converters.keras_model.pooling import POOLING
from converters.keras_model.recurrent import RECURRENT
from converters.keras_model.regions import REGIONS
from converters.keras_model.sampling import SAMPLING
from converters.keras_model.shape import SHAPE
from converters.ops import DetectionOutput, Filter, Op

OPS: dict[type[Op], Builder] = {
    **ACTIVATION, **ARITHMETIC, **CONVOLUTION, **NORMALIZATION, **POOLING, **RECURRENT, **REGIONS, **SAMPLING, **SHAPE,
}  # fmt: skip

REFUSED: dict[type[Op], str] = {
    DetectionOutput: (
        "how many boxes remain depends on the values, and Keras cannot suppress those that overlap; "
        "cut the network before it"
    ),
    Filter: "how many items remain depends on the values, and shapes of a Keras model cannot; cut it off",
}
