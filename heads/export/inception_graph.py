"""Inception-ResNet-v1 as a graph of the converters, so that it can be part of a file in any format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from converters import ops
from converters.files.hashing import FileHashes, short_names
from converters.ir import Graph, Node, Source
from converters.ops import Array, Op
from heads.backbones.inception_artefacts import EMBEDDING, FIXED, LOGITS, read_state
from heads.backbones.inception_resnet_v1 import (
    SHORTEST,
    Convolution,
    InceptionResnetV1,
    Reduction,
    Residual,
    from_state,
)

INPUT = "data"
# The layers between the image and the vector, in the order in which the network applies them.
TRUNK = (
    "conv2d_1a", "conv2d_2a", "conv2d_2b", "maxpool_3a", "conv2d_3b", "conv2d_4a", "conv2d_4b", "repeat_1", "mixed_6a",
    "repeat_2", "mixed_7a", "repeat_3", "block8",
)  # fmt: skip


def read_inception(path: Path, size: tuple[int, int]) -> Graph:
    """Return the network with the weights of a file, for images of `size` (height, width).

    Its outputs are "embedding", of length 1, and "logits" where the weights have them; values are named like the
    modules. FormatError or ValueError where the file does not hold its weights.
    """
    model = from_state(read_state(path))
    walk = _Walk()
    value = INPUT
    for name in TRUNK:
        value = walk.module(name, getattr(model, name), value)
    features = _features(walk, model, value)
    outputs = {EMBEDDING: walk.add(EMBEDDING, ops.L2Normalization(SHORTEST, root="max"), features)}
    if model.logits is not None:
        outputs[LOGITS] = walk.module(LOGITS, model.logits, features)
    source = Source("PyTorch", FileHashes(short_names([path])))
    return Graph("inception_resnet_v1", {INPUT: (1, 3, *size)}, tuple(walk.nodes), outputs, FIXED, source=source)


def _features(walk: "_Walk", model: InceptionResnetV1, value: str) -> str:
    pooled = walk.add("avgpool_1a", ops.GlobalPooling(), value)
    flat = walk.add("flatten", ops.Flatten(), pooled)
    return walk.module("last_bn", model.last_bn, walk.module("last_linear", model.last_linear, flat))


@dataclass
class _Walk:
    """Nodes in the order in which modules are applied."""

    nodes: list[Node] = field(default_factory=list)

    def add(self, name: str, op: Op, *inputs: str, **params: torch.Tensor) -> str:
        self.nodes.append(Node(name, op, inputs, {key: _array(tensor) for key, tensor in params.items()}))
        return name

    def module(self, name: str, module: Any, value: str) -> str:
        """Add what a module computes of a value; return the name of its result."""
        return FORMS[type(module)](self, name, module, value)


def _array(tensor: torch.Tensor) -> Array:
    array: Array = tensor.detach().numpy().astype(np.float32, copy=False)
    return array


def _conv2d(walk: _Walk, name: str, module: nn.Conv2d, value: str) -> str:
    pads = tuple((amount, amount) for amount in module.padding)
    op = ops.Convolution(
        module.out_channels, module.kernel_size, module.stride, pads, module.dilation, bias=module.bias is not None
    )
    return walk.add(name, op, value, **_weights(module))


def _linear(walk: _Walk, name: str, module: nn.Linear, value: str) -> str:
    return walk.add(name, ops.Dense(module.out_features, bias=module.bias is not None), value, **_weights(module))


def _weights(module: nn.Conv2d | nn.Linear) -> dict[str, torch.Tensor]:
    return {"weight": module.weight} if module.bias is None else {"weight": module.weight, "bias": module.bias}


def _batch_norm(walk: _Walk, name: str, module: nn.BatchNorm2d | nn.BatchNorm1d, value: str) -> str:
    op = ops.BatchNormalization(module.eps, affine=True)
    measured = {"mean": module.running_mean, "variance": module.running_var}
    return walk.add(name, op, value, **measured, scale=module.weight, bias=module.bias)


def _relu(walk: _Walk, name: str, _module: nn.ReLU, value: str) -> str:
    return walk.add(name, ops.ReLU(), value)


def _max_pool(walk: _Walk, name: str, module: nn.MaxPool2d, value: str) -> str:
    op = ops.Pooling((module.kernel_size,) * 2, (module.stride,) * 2, ((0, 0), (0, 0)))
    return walk.add(name, op, value)


def _sequence(walk: _Walk, name: str, module: nn.Sequential, value: str) -> str:
    for inner, part in module.named_children():
        value = walk.module(f"{name}.{inner}", part, value)
    return value


def _convolution(walk: _Walk, name: str, module: Convolution, value: str) -> str:
    for inner in ("conv", "bn", "relu"):
        value = walk.module(f"{name}.{inner}", getattr(module, inner), value)
    return value


def _branches(walk: _Walk, name: str, module: Residual | Reduction, value: str) -> str:
    branches = [f"branch{index}" for index in range(module.count)]
    ends = [walk.module(f"{name}.{branch}", getattr(module, branch), value) for branch in branches]
    return walk.add(f"{name}.joined", ops.Concat(), *ends)


def _residual(walk: _Walk, name: str, module: Residual, value: str) -> str:
    turned = walk.module(f"{name}.conv2d", module.conv2d, _branches(walk, name, module, value))
    total = walk.add(f"{name}.sum", ops.Sum((1.0, module.scale)), value, turned)
    return total if isinstance(module.relu, nn.Identity) else walk.module(f"{name}.relu", module.relu, total)


FORMS: Mapping[type, Callable[[_Walk, str, Any, str], str]] = {
    Convolution: _convolution,
    Reduction: _branches,
    Residual: _residual,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.Conv2d: _conv2d,
    nn.Linear: _linear,
    nn.MaxPool2d: _max_pool,
    nn.ReLU: _relu,
    nn.Sequential: _sequence,
}
