"""Inception-ResNet-v1 in PyTorch, with the names that published weights for faces have.

Sources: Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning,
arXiv:1602.07261, figures 10 to 15; the variant trained for faces in github.com/davidsandberg/facenet
(src/models/inception_resnet_v1.py), and the names of its weights in github.com/timesler/facenet-pytorch (the files for
VGGFace2 and CASIA-WebFace).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

EMBEDDING = 512
IMAGE_SIZE = (160, 160)
SHORTEST = 1e-12

Size = int | tuple[int, int]


class Convolution(nn.Module):
    """A convolution without bias, batch normalization, ReLU."""

    def __init__(self, channels: int, out: int, kernel: Size, stride: int = 1, padding: Size = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=0.001, momentum=0.1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (n, out, height, width)."""
        result: Tensor = self.relu(self.bn(self.conv(x)))
        return result


class Residual(nn.Module):
    """x + scale * convolution of the joined branches, then ReLU unless `last`.

    A branch is a list of (channels, kernel) for convolutions of stride 1 that keep the size.
    """

    def __init__(
        self, channels: int, branches: Sequence[Sequence[tuple[int, Size]]], scale: float, *, last: bool = False
    ) -> None:
        super().__init__()
        self.scale = scale
        for index, branch in enumerate(branches):
            setattr(self, f"branch{index}", _branch(channels, branch))
        self.count = len(branches)
        self.conv2d = nn.Conv2d(sum(branch[-1][0] for branch in branches), channels, 1)
        self.relu = nn.Identity() if last else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the shape of `x`."""
        joined = torch.cat([getattr(self, f"branch{index}")(x) for index in range(self.count)], dim=1)
        result: Tensor = self.relu(x + self.scale * self.conv2d(joined))
        return result


def _branch(channels: int, steps: Sequence[tuple[int, Size]]) -> nn.Module:
    layers = []
    for out, kernel in steps:
        padding = kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)
        layers.append(Convolution(channels, out, kernel, padding=padding))
        channels = out
    # Published weights name the layers of a branch only where it has several.
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


class Reduction(nn.Module):
    """Half the height and width: branches that end in stride 2, and a maximum pooling, joined.

    A branch is a list of (channels, kernel, stride); kernels of stride 1 keep the size.
    """

    def __init__(self, channels: int, branches: Sequence[Sequence[tuple[int, int, int]]]) -> None:
        super().__init__()
        for index, branch in enumerate(branches):
            setattr(self, f"branch{index}", _reducing(channels, branch))
        setattr(self, f"branch{len(branches)}", nn.MaxPool2d(3, stride=2))
        self.count = len(branches) + 1

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of half the size, those of all branches one after the other."""
        return torch.cat([getattr(self, f"branch{index}")(x) for index in range(self.count)], dim=1)


def _reducing(channels: int, steps: Sequence[tuple[int, int, int]]) -> nn.Module:
    layers = []
    for out, kernel, stride in steps:
        layers.append(Convolution(channels, out, kernel, stride, kernel // 2 if stride == 1 else 0))
        channels = out
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


def _block35() -> Residual:
    return Residual(256, [[(32, 1)], [(32, 1), (32, 3)], [(32, 1), (32, 3), (32, 3)]], 0.17)


def _block17() -> Residual:
    return Residual(896, [[(128, 1)], [(128, 1), (128, (1, 7)), (128, (7, 1))]], 0.10)


def _block8(scale: float, *, last: bool = False) -> Residual:
    return Residual(1792, [[(192, 1)], [(192, 1), (192, (1, 3)), (192, (3, 1))]], scale, last=last)


class InceptionResnetV1(nn.Module):
    """Images (n, 3, 160, 160) in RGB, (x - 127.5) / 128, to unit vectors (n, 512).

    With `classes` there are logits of so many identities too; other sizes of images from 75 on fit as well.
    """

    def __init__(self, classes: int | None = None) -> None:
        super().__init__()
        self.conv2d_1a = Convolution(3, 32, 3, 2)
        self.conv2d_2a = Convolution(32, 32, 3)
        self.conv2d_2b = Convolution(32, 64, 3, padding=1)
        self.maxpool_3a = nn.MaxPool2d(3, stride=2)
        self.conv2d_3b = Convolution(64, 80, 1)
        self.conv2d_4a = Convolution(80, 192, 3)
        self.conv2d_4b = Convolution(192, 256, 3, 2)
        self.repeat_1 = nn.Sequential(*(_block35() for _ in range(5)))
        self.mixed_6a = Reduction(256, [[(384, 3, 2)], [(192, 1, 1), (192, 3, 1), (256, 3, 2)]])
        self.repeat_2 = nn.Sequential(*(_block17() for _ in range(10)))
        self.mixed_7a = Reduction(
            896, [[(256, 1, 1), (384, 3, 2)], [(256, 1, 1), (256, 3, 2)], [(256, 1, 1), (256, 3, 1), (256, 3, 2)]]
        )
        self.repeat_3 = nn.Sequential(*(_block8(0.20) for _ in range(5)))
        self.block8 = _block8(1.0, last=True)
        self.avgpool_1a = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.6)
        self.last_linear = nn.Linear(1792, EMBEDDING, bias=False)
        self.last_bn = nn.BatchNorm1d(EMBEDDING, eps=0.001, momentum=0.1)
        self.logits = None if classes is None else nn.Linear(EMBEDDING, classes)

    def features(self, x: Tensor) -> Tensor:
        """Return (n, 512) before they get length 1: what the logits are made of."""
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x))))
        x = self.mixed_6a(self.repeat_1(x))
        x = self.mixed_7a(self.repeat_2(x))
        x = self.block8(self.repeat_3(x))
        x = self.dropout(self.avgpool_1a(x)).flatten(1)
        result: Tensor = self.last_bn(self.last_linear(x))
        return result

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings (n, 512) of length 1."""
        return unit_length(self.features(x))


def unit_length(vectors: Tensor) -> Tensor:
    """Return vectors (n, length) divided by their Euclidean length."""
    result: Tensor = nn.functional.normalize(vectors, dim=1, eps=SHORTEST)
    return result


def from_state(state: dict[str, Tensor]) -> InceptionResnetV1:
    """Return the network with published weights, ready for inference.

    ValueError names what is missing, unknown or of another shape. Counts of batches, which only training reads, may be
    missing: weights that were written by a PyTorch before 1.0 have none.
    """
    logits = state.get("logits.weight")
    with torch.device("meta"):  # without memory: the weights come from the file
        model = InceptionResnetV1(None if logits is None else len(logits))
    known = model.state_dict()
    counts = {name: torch.tensor(0) for name in known if name.endswith("num_batches_tracked")}
    state = {**counts, **state}
    problems = [f"'{name}' is missing" for name in known if name not in state]
    problems += [f"'{name}' is no part of the network" for name in state if name not in known]
    problems += [
        f"'{name}' has shape {list(state[name].shape)}, expected {list(tensor.shape)}"
        for name, tensor in known.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if problems:
        more = f", and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError("; ".join(problems[:5]) + more)
    model.load_state_dict(state, assign=True)
    model.eval()
    return model
