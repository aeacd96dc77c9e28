"""A head's meaning as a graph of the converters: embedding (n, dimension) in, logit (n, 1) out.

What each kind of head keeps as arrays stands in the table at the foot.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from converters import ops
from converters.ir import Graph, Node
from converters.ops import Array, Op
from heads.errors import HeadsError
from heads.models.head import INPUT_MEAN, INPUT_SCALE, Head

EMBEDDING, LOGIT = "embedding", "logit"


@dataclass
class _Chain:
    """Nodes one behind the other; `last` is the value that the next one reads."""

    last: str = EMBEDDING
    nodes: list[Node] = field(default_factory=list)

    def add(self, name: str, op: Op, *others: str, **params: Array) -> str:
        self.nodes.append(Node(name, op, (self.last, *others), params))
        self.last = name
        return name


def head_graph(head: Head, batch: int = 1) -> Graph:
    """Return a head as a graph; HeadsError for a kind that has no faithful form as one (knn).

    The temperature is not in it: the probability of the positive label is sigmoid(logit / temperature).
    """
    if head.kind not in FORMS:
        raise HeadsError(
            f"a head of kind '{head.kind}' looks its answer up among stored faces and has no form as a network; "
            f"train one of kind {', '.join(FORMS)}"
        )
    chain = _Chain()
    if INPUT_MEAN in head.arrays:
        # Subtracted first, not folded into a bias: a mean far larger than its deviation would eat the digits.
        chain.add("centred", ops.Bias(), bias=-head.arrays[INPUT_MEAN])
        chain.add("standardised", ops.Scale(), scale=head.arrays[INPUT_SCALE])
    FORMS[head.kind](chain, head)
    shape = {EMBEDDING: (batch, head.embedding.dimension)}
    return Graph(head.recipe, shape, tuple(chain.nodes), {LOGIT: LOGIT}, labels=head.labels)


def _mlp(chain: _Chain, head: Head) -> None:
    layers = sum(name.startswith("weight_") for name in head.arrays)
    for layer in range(1, layers + 1):
        weight, bias = head.arrays[f"weight_{layer}"], head.arrays[f"bias_{layer}"]
        last = layer == layers
        chain.add(LOGIT if last else f"dense_{layer}", ops.Dense(len(weight)), weight=weight, bias=bias)
        if not last:
            chain.add(f"relu_{layer}", ops.ReLU())


def _linear(chain: _Chain, head: Head) -> None:
    chain.add(LOGIT, ops.Dense(1), weight=head.arrays["weight"], bias=head.arrays["bias"])


def _centroid(chain: _Chain, head: Head) -> None:
    """log-odds of two equal spherical normal distributions: (|x - negative|² - |x - positive|²) / (2 variance)."""
    negative, positive = head.arrays["centroids"].astype(np.float64)
    variance = float(head.arrays["variance"][0])
    weight = (positive - negative) / variance
    bias = (negative @ negative - positive @ positive) / (2 * variance)
    chain.add(LOGIT, ops.Dense(1), weight=_single(weight[None]), bias=_single(np.array([bias])))


def _svm(chain: _Chain, head: Head) -> None:
    """Sum of coefficient * exp(-gamma |x - s|²) over the support vectors s, plus the intercept.

    gamma |x - s|² as gamma |x|² + gamma |s|² - 2 gamma x·s: a product of matrices instead of an array of all
    differences. What rounds below 0 is put back to 0.
    """
    inputs = chain.last
    support, gamma = head.arrays["support_vectors"].astype(np.float64), float(head.arrays["gamma"][0])
    weight, bias = -2 * gamma * support, gamma * np.square(support).sum(1)
    lengths = chain.add("squared_length", ops.Reduction("sum_squares", 1, gamma))
    chain.last = inputs
    chain.add("products", ops.Dense(len(support)), weight=_single(weight), bias=_single(bias))
    chain.add("distances", ops.BiasBy(0), lengths)
    chain.add("clipped", ops.ReLU())
    chain.add("kernel", ops.Exponential(scale=-1.0))
    chain.add(LOGIT, ops.Dense(1), weight=head.arrays["coefficients"], bias=head.arrays["intercept"])


def _single(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float32)


# mlp: weight_1 (units, inputs), bias_1 (units,) ... up to the layer of one unit. linear: weight (1, dimension), bias
# (1,). centroid: centroids (2, dimension), negative first, variance (1,). svm: support_vectors (n, dimension),
# coefficients (1, n), intercept (1,), gamma (1,). All may have input_mean and input_scale (dimension,).
FORMS: dict[str, Callable[[_Chain, Head], None]] = {
    "mlp": _mlp,
    "linear": _linear,
    "centroid": _centroid,
    "svm": _svm,
}
