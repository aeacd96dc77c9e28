"""What the conclusion of an audit is made of: whose weights they are, and how images are fed to them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audited_files import TINY
from converters.audit.auditing import subject
from converters.audit.conclusion import feeding
from converters.audit.rearrangements import Step
from converters.conversion.names import Published
from converters.conversion.sources import Model
from converters.ir import Preprocessing


@pytest.mark.parametrize(
    ("said", "steps", "text"),
    [
        (Preprocessing(), {}, ""),
        (Preprocessing(), {"channels": 1.0}, "feed the channels the other way round"),
        (Preprocessing("RGB", np.float32([1, 2, 3])), {"channels": 1.0}, "feed BGR, subtract 3.00, 2.00, 1.00"),
        (Preprocessing("BGR", None, (1 / 128,) * 3), {}, "feed BGR, divide by 128"),
        (Preprocessing("BGR", None, (1.0,) * 3), {"scale": 1 / 255}, "feed BGR, multiply by 255"),
        (Preprocessing("BGR", None, (0.1, 0.2, 0.3)), {"channels": 1.0}, "feed RGB, multiply by 0.3, 0.2, 0.1"),
        (Preprocessing("gray", np.float32([0.5])), {}, "feed gray, subtract 0.5"),
        (Preprocessing("gray", np.ones((1, 4, 4), np.float32)), {}, "feed gray, subtract the mean image (about 1.00)"),
    ],
)  # fmt: skip
def test_feeding(said: Preprocessing, steps: dict[str, float], text: str) -> None:
    assert feeding(said, {kind: Step(kind, "", value) for kind, value in steps.items()}) == text


def published(**facts: Any) -> Published:
    return Published(format="caffe", files=(TINY.prototxt, Path("w.caffemodel")), **facts)


def test_whose_weights_they_are_is_said() -> None:
    official = published(name="vgg-face", title="VGG-Face, 16 layers, 2622 identities")
    model = Model("caffe", official.files, official)
    assert subject(model) == "the official VGG-Face weights"
    other = published(name="resnet50-ft", title="ResNet-50, pretrained")
    assert subject(Model("caffe", other.files, other)) == "the official ResNet-50 weights (resnet50-ft)"
    added = published(name="vgg-face", title="VGG-Face, 16 layers", doubt="as they were added here")
    assert subject(Model("caffe", added.files, added)) == "the VGG-Face weights (as they were added here)"
    given = Model("caffe", (TINY.prototxt, Path("mine.caffemodel")), official)
    assert subject(given) == "the weights of vgg-face in mine.caffemodel"
    assert subject(Model("matconvnet", (Path("a/net.mat"),))) == "the weights of net.mat"
