"""What a written model says of itself: preprocessing, labels, licence, sources, which operation gives which value."""

from typing import Any

from converters import formats
from converters.description import described
from converters.ir import Graph
from converters.keras_model.assembly import Assembly

KEY = formats.DISTRIBUTION
VALUES = "values"
INPUTS = "inputs"
OUTPUTS = "outputs"


def record(graph: Graph, assembly: Assembly) -> dict[str, Any]:
    """Return the record as it goes into JSON; a name that is missing is not known.

    `values` maps values of the network to names of operations in the model, `outputs` its outputs likewise, in the
    model's order; `inputs` has the network's names of the model's inputs, in order.
    """
    told: dict[str, Any] = {
        **described(graph),
        "layout": "channels last where a tensor has four axes",
        INPUTS: list(graph.inputs),
        OUTPUTS: assembly.outputs,
        VALUES: assembly.operations,
    }
    return {key: value for key, value in told.items() if value}
