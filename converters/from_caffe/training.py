"""From a training network to its deploy form:

data layers become inputs, losses and measures go, SoftmaxWithLoss leaves a Softmax.
"""

from collections.abc import Mapping

import numpy as np

from converters.caffe.net import Layer
from converters.caffe.tree import Message
from converters.errors import ShapeError
from converters.from_caffe.learned import Learned
from converters.ir import Preprocessing
from converters.ops import Shape

# Each data layer with the settings that hold its batch size.
DATA_LAYERS: dict[str, str] = {
    "Data": "data_param",
    "ImageData": "image_data_param",
    "HDF5Data": "hdf5_data_param",
    "MemoryData": "memory_data_param",
    "WindowData": "window_data_param",
    "AnnotatedData": "data_param",
}
LOSS_LAYERS = frozenset(
    {
        "Accuracy",
        "CenterLoss",
        "ContrastiveLoss",
        "DetectionEvaluate",
        "EuclideanLoss",
        "FocalLoss",
        "HingeLoss",
        "InfogainLoss",
        "MultiBoxLoss",
        "MultinomialLogisticLoss",
        "SigmoidCrossEntropyLoss",
        "SmoothL1Loss",
        "SoftmaxWithFocalLoss",
        "SoftmaxWithLoss",
        "TripletLoss",
    }
)
SILENT_LAYERS = frozenset({"Silence", "HDF5Output"})


def data_shape(layer: Layer, asked: Mapping[str, Shape], layers: list[Layer], learned: Learned) -> Shape:
    """Return the shape of a data layer's first top:

    asked for, or from its crop, its batch size and the channels of whoever reads it.
    """
    top = layer.tops[0]
    if top in asked:
        return asked[top]
    settings, transform = layer.param(DATA_LAYERS[layer.type]), layer.param("transform_param")
    batch = settings.get("batch_size") or 1
    if layer.type == "MemoryData":
        size: tuple[int, ...] = tuple(settings.get(name) or 0 for name in ("channels", "height", "width"))
    else:
        crop = transform.get("crop_size") or 0
        size = (_channels(layer, transform, layers, learned), crop, crop)
    if min(size) < 1:
        raise ShapeError(
            f"does not say how large its images are; state the size, as in --input-shape {top}=1x3x224x224"
        )
    return (batch, *size)


def _channels(layer: Layer, transform: Message, layers: list[Layer], learned: Learned) -> int:
    if transform.get("force_color"):
        return 3
    if transform.get("force_gray"):
        return 1
    means = len(transform.all("mean_value"))
    if means > 1:
        return means
    for index, reader in enumerate(layers):
        held = learned.held(index)
        if layer.tops[0] in reader.bottoms and reader.type == "Convolution" and held and held[0].array.ndim == 4:
            group: int = reader.param("convolution_param").get("group")
            return int(held[0].array.shape[1]) * group
    return 0


def data_preprocessing(layer: Layer, shape: Shape) -> tuple[Preprocessing, list[str]]:
    """Return what a data layer does to its images (BVLC Caffe, data_transformer.cpp: minus mean, then times scale),
    and warnings.

    Caffe reads images through OpenCV, so three channels are BGR.
    """
    transform = layer.param("transform_param")
    channels = shape[1]
    means, warnings = transform.all("mean_value"), []
    if transform.has("mean_file"):
        warnings.append(
            f"{layer.where}: its mean file '{transform.get('mean_file')}' is not read; give it with --mean-file"
        )
    mean = None
    if len(means) in (1, channels):
        mean = np.broadcast_to(np.array(means, np.float32), (channels,)).copy()
    elif not transform.has("mean_file"):
        mean = np.zeros(channels, np.float32)
    order = {1: "gray", 3: "BGR"}.get(channels) if layer.type != "HDF5Data" else None
    return Preprocessing(order, mean, (float(transform.get("scale")),) * channels, (shape[2], shape[3])), warnings
