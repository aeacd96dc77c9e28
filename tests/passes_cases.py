"""What tests of passes share: labels and means for `face`, and whether two networks give the same."""

from converters.ir import Graph
from op_values import assert_close
from small_graphs import images

PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eve")
MEANS = (129.1863, 104.7624, 93.5940)


def outputs_equal(got: Graph, expected: Graph, tolerance: float = 1e-6) -> None:
    """Hold the outputs of two networks together, whatever axes of size 1 they end in."""
    feeds = images(expected)
    ours, theirs = (g.output_values(g.run(feeds)) for g in (got, expected))
    assert len(ours) == len(theirs)
    for a, b in zip(ours.values(), theirs.values(), strict=True):
        assert_close(a.reshape(b.shape), b, tolerance)
