"""All ops, one module per family. Each is a class with its settings, its shape rule, its parameter shapes and its meaning in NumPy."""

from converters.ops.activation import (
    ELU,
    AbsoluteValue,
    Clip,
    Dropout,
    Elementwise,
    Exponential,
    Identity,
    Logarithm,
    Power,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Swish,
    TanH,
    Threshold,
)
from converters.ops.arithmetic import ArgMax, Bias, BiasBy, Constant, Maximum, Preprocess, Product, Reduction, Scale, ScaleBy, Sum
from converters.ops.base import Array, Op, Pads, Shape
from converters.ops.convolution import Convolution, ConvolutionTranspose, Dense, Embedding, Im2col
from converters.ops.detection import DetectionOutput, PriorBox
from converters.ops.normalization import (
    BatchNormalization,
    BatchStatisticsNormalization,
    L2Normalization,
    LocalResponseNormalization,
    MeanVarianceNormalization,
    NormOffset,
    SpatialResponseNormalization,
)
from converters.ops.pooling import GlobalPooling, MaxUnpooling, Pooling, PoolingIndices, RegionPooling
from converters.ops.recurrent import LSTM, RNN
from converters.ops.sampling import AffineGrid, BilinearResize, BilinearSampler, NearestUpsampling
from converters.ops.shape import (
    BatchReindex,
    Concat,
    Crop,
    Filter,
    Flatten,
    Pad,
    Permute,
    Reshape,
    ShuffleChannels,
    Slice,
    Tile,
)

__all__ = [
    "ELU", "LSTM", "RNN", "AbsoluteValue", "AffineGrid", "ArgMax", "Array", "BatchNormalization", "BatchReindex",
    "BatchStatisticsNormalization", "Bias", "BiasBy", "BilinearResize", "BilinearSampler", "Clip", "Concat", "Constant", "Convolution",
    "ConvolutionTranspose", "Crop", "Dense", "DetectionOutput", "Dropout", "Elementwise", "Embedding", "Exponential", "Filter", "Flatten",
    "GlobalPooling", "Identity", "Im2col", "L2Normalization", "LocalResponseNormalization", "Logarithm", "MaxUnpooling", "Maximum",
    "MeanVarianceNormalization", "NearestUpsampling", "NormOffset", "Op", "PReLU", "Pad", "Pads", "Permute", "Pooling", "PoolingIndices",
    "Power", "Preprocess", "PriorBox", "Product", "ReLU", "Reduction", "RegionPooling", "Reshape", "Scale", "ScaleBy", "Shape",
    "ShuffleChannels", "Sigmoid", "Slice", "Softmax", "Softplus", "SpatialResponseNormalization", "Sum", "Swish", "TanH", "Threshold", "Tile",
]  # fmt: skip
