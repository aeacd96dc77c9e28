"""Which inputs are images, and which are maps."""

from converters import ops
from converters.roles import image_inputs, map_inputs
from small_graphs import graph


def test_images_are_told_from_other_inputs() -> None:
    model = graph(
        {"image": (1, 3, 8, 8), "maps": (1, 15, 8, 8), "rois": (4, 5, 1, 1), "factor": (1, 3, 1, 1)},
        [
            ("row", ops.Reshape((4, 5)), "rois"),
            ("pooled", ops.RegionPooling((2, 2)), "image row"),
            ("deep", ops.RegionPooling((2, 2)), "maps row"),
            ("scaled", ops.Reshape((0, -1)), "factor"),
        ],
        outputs={"pooled": "pooled", "deep": "deep", "scaled": "scaled"},
    )
    assert image_inputs(model) == ["image"]
    assert map_inputs(model) == ["image", "maps", "factor"]
