"""Small Caffe networks as files, for tests of artefacts."""

from pathlib import Path

# No learned layers, and so no caffemodel; the reshape fixes the batch at 2.
PINNED = """
name: "pinned"
input: "data"
input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "flat" type: "Reshape" bottom: "pool" top: "flat" reshape_param { shape { dim: 2 dim: 12 } } }
layer { name: "prob" type: "Softmax" bottom: "flat" top: "prob" }
"""


def pinned(folder: Path) -> Path:
    """A network of two images a batch, whatever is asked for."""
    path = folder / "pinned.prototxt"
    path.write_text(PINNED, encoding="utf-8")
    return path
