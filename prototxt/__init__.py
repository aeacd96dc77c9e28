"""Deploy networks that come with the package, and what is published about them.

    from prototxt import find
    deploy = find("vgg-face")
    deploy.prototxt, deploy.mean        # a path, (93.5940, 104.7624, 129.1863)

The networks are written from published facts. Weights are not included, except the seeded ones of `vgg-face-tiny`.
This package imports nothing but the standard library.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DEPLOYS", "Deploy", "find", "names"]

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """A deploy network and the published facts about its input, classes and licence."""

    name: str
    summary: str
    prototxt: Path
    weights: Path | None = None
    """Only where weights come with the package."""
    channel_order: str = "BGR"
    """Order of the image channels in the network's input."""
    mean: tuple[float, float, float]
    """What to subtract from pixels in 0..255, in the network's channel order."""
    scale: float = 1.0
    """What to multiply by after the mean is subtracted."""
    labels: tuple[str, ...] = ()
    """Class names in the order of the outputs, where they are few and published; empty otherwise."""
    licence: str
    """Terms of the published weights (of the included ones for `vgg-face-tiny`)."""
    source: str
    """Where the facts come from: paper and page."""


def names() -> list[str]:
    """List the names that `find` knows."""
    return list(DEPLOYS)


def find(name: str) -> Deploy:
    """Look a network up by name; ValueError with the nearest spelling when there is none."""
    if name in DEPLOYS:
        return DEPLOYS[name]
    spelling = name.lower().replace("_", "-").removesuffix(".prototxt")
    near = difflib.get_close_matches(spelling, DEPLOYS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no network is called {name!r}.{hint} Known names: {', '.join(DEPLOYS)}")


VGG_FACE_MEAN = (93.5940, 104.7624, 129.1863)
VGG_MEAN = (103.939, 116.779, 123.68)
AGE_GENDER_MEAN = (78.4263377603, 87.7689143744, 114.895847746)  # of mean.binaryproto, channel by channel
RESNET_MEAN = (103.062623801, 115.902882574, 123.151630838)  # of ResNet_mean.binaryproto, channel by channel

VGG_FACE_SOURCE = (
    "Parkhi, Vedaldi, Zisserman: Deep Face Recognition, BMVC 2015; https://www.robots.ox.ac.uk/~vgg/software/vgg_face/"
)
VGG_SOURCE = (
    "Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556; "
    "https://www.robots.ox.ac.uk/~vgg/research/very_deep/"
)
RESNET_SOURCE = (
    "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, arXiv:1512.03385; "
    "https://github.com/KaimingHe/deep-residual-networks"
)
AGE_GENDER_SOURCE = (
    "Levi, Hassner: Age and Gender Classification using Convolutional Neural Networks, CVPR workshop AMFG 2015; "
    "https://github.com/GilLevi/AgeGenderDeepLearning"
)

VGG_FACE_LICENCE = "published weights: non-commercial research only"
VGG_LICENCE = "published weights: CC BY 4.0"
RESNET_LICENCE = "published weights: MIT"
AGE_GENDER_LICENCE = "published weights: copyright 2015 Gil Levi and Tal Hassner, provided as is; cite the paper"
OWN_LICENCE = "Apache-2.0 (seeded random weights)"

AGE_RANGES = ("(0-2)", "(4-6)", "(8-12)", "(15-20)", "(25-32)", "(38-43)", "(48-53)", "(60-100)")

DEPLOYS = {
    deploy.name: deploy
    for deploy in (
        Deploy(
            name="vgg-face",
            summary="VGG-Face, 16 layers, 2622 identities, input 224x224",
            prototxt=HERE / "vgg_face.prototxt",
            mean=VGG_FACE_MEAN,
            licence=VGG_FACE_LICENCE,
            source=VGG_FACE_SOURCE,
        ),
        Deploy(
            name="vgg-face-notop",
            summary="VGG-Face up to pool5, without fully connected layers, input 224x224",
            prototxt=HERE / "vgg_face_notop.prototxt",
            mean=VGG_FACE_MEAN,
            licence=VGG_FACE_LICENCE,
            source=VGG_FACE_SOURCE,
        ),
        Deploy(
            name="vgg-face-tiny",
            summary="VGG-Face's topology at 1/16 width, 164 classes, input 64x64; seeded weights included",
            prototxt=HERE / "vgg_face_tiny.prototxt",
            weights=HERE / "vgg_face_tiny.caffemodel",
            mean=VGG_FACE_MEAN,
            licence=OWN_LICENCE,
            source=VGG_FACE_SOURCE,
        ),
        Deploy(
            name="vgg16",
            summary="VGG-16 of ILSVRC-2014 (configuration D), 1000 classes, input 224x224",
            prototxt=HERE / "vgg16.prototxt",
            mean=VGG_MEAN,
            licence=VGG_LICENCE,
            source=VGG_SOURCE,
        ),
        Deploy(
            name="vgg19",
            summary="VGG-19 of ILSVRC-2014 (configuration E), 1000 classes, input 224x224",
            prototxt=HERE / "vgg19.prototxt",
            mean=VGG_MEAN,
            licence=VGG_LICENCE,
            source=VGG_SOURCE,
        ),
        Deploy(
            name="resnet50",
            summary="ResNet-50 of the original release, 1000 classes, input 224x224",
            prototxt=HERE / "resnet50.prototxt",
            mean=RESNET_MEAN,
            licence=RESNET_LICENCE,
            source=RESNET_SOURCE,
        ),
        Deploy(
            name="age-net",
            summary="Levi-Hassner age network, 8 ranges of years, input 227x227",
            prototxt=HERE / "age_net.prototxt",
            mean=AGE_GENDER_MEAN,
            labels=AGE_RANGES,
            licence=AGE_GENDER_LICENCE,
            source=AGE_GENDER_SOURCE,
        ),
        Deploy(
            name="gender-net",
            summary="Levi-Hassner network for perceived gender, 2 classes, input 227x227",
            prototxt=HERE / "gender_net.prototxt",
            mean=AGE_GENDER_MEAN,
            labels=("Male", "Female"),
            licence=AGE_GENDER_LICENCE,
            source=AGE_GENDER_SOURCE,
        ),
    )
}
