"""What holds for every pass."""

import numpy as np

from converters import passes
from passes_cases import MEANS
from small_graphs import face, images


def test_passes_leave_the_graph_they_are_given_alone() -> None:
    model = passes.override_preprocessing(face(), channel_order="BGR", mean=MEANS)
    before = model.run(images(model))["prob"]
    for change in (passes.dense_to_conv, passes.fold_batch_norm, passes.bake_preprocessing, passes.rounded_to_half):
        change(model)
    np.testing.assert_array_equal(model.run(images(model))["prob"], before)
