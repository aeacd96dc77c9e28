"""Batch normalization, scales and biases melt into the layer before them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from converters.ir import Graph, Node
from converters.ops import (
    Array,
    BatchNormalization,
    Bias,
    Convolution,
    ConvolutionTranspose,
    Dense,
    Op,
    Scale,
    Shape,
)
from converters.passes.rewiring import only_reader, rebuilt

_LINEAR: tuple[type[Op], ...] = (Convolution, ConvolutionTranspose, Dense)
_AFFINE: tuple[type[Op], ...] = (BatchNormalization, Scale, Bias)


@dataclass(frozen=True, eq=False)
class _Affine:
    """y = factor * x + shift per channel, in float64."""

    factor: Array
    shift: Array

    def then(self, other: "_Affine") -> "_Affine":
        return _Affine(self.factor * other.factor, self.shift * other.factor + other.shift)

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.factor).all() and np.isfinite(self.shift).all())


def fold_batch_norm(graph: Graph) -> Graph:
    """Return the network with BatchNormalization, Scale and Bias melted into the layer with weights before them.

    That happens where they alone read its output; the new node has the name of the last one melted in, whose value it
    is. A run of them with no such layer before it becomes one. Computed in float64, stored in the weights' own type.
    A normalization by a variance that gives no finite factor stays, and a warning names it.
    """
    folding = _Folding(graph)
    for node in graph.nodes:
        folding.take(node)
    return rebuilt(graph, folding.nodes, warnings=(*graph.warnings, *folding.warnings))


@dataclass
class _Folding:
    """One walk over a graph; `gone` names nodes that another one has swallowed."""

    graph: Graph
    nodes: list[Node] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    shared: dict[tuple[int, ...], dict[str, Array]] = field(default_factory=dict)

    def take(self, node: Node) -> None:
        """Add a node, with what follows it melted in."""
        if node.name in self.gone:
            return
        run = self._run(node)
        if isinstance(node.op, _LINEAR) and run:
            self._swallow(run, self._melted(node, run))
        elif isinstance(node.op, _AFFINE) and run and _affine(self.graph, node, 1):
            self._swallow(run, self._merged([node, *run]))
        else:
            self.nodes.append(node)

    def _swallow(self, run: list[Node], node: Node) -> None:
        self.gone.update(each.name for each in run)
        self.nodes.append(node)

    def _run(self, node: Node) -> list[Node]:
        """Return the affine nodes that follow one another from `node` on, each the only reader of the one before."""
        run: list[Node] = []
        axis = _channel_axis(self.graph, node)
        if axis is None:
            return run
        following = only_reader(self.graph, node.name)
        while following is not None and (affine := _affine(self.graph, following, axis)) is not None:
            if not affine.finite:
                self.warnings.append(f"layer '{following.layer}': not folded, its variance gives no finite factor")
                break
            run.append(following)
            following = only_reader(self.graph, following.name)
        return run

    def _total(self, run: list[Node], axis: int) -> _Affine:
        found = [_affine(self.graph, node, axis) for node in run]
        total, *rest = [affine for affine in found if affine is not None]
        for affine in rest:
            total = total.then(affine)
        return total

    def _melted(self, node: Node, run: list[Node]) -> Node:
        axis = _channel_axis(self.graph, node)
        assert axis is not None and isinstance(node.op, _LINEAR)
        # Layers that shared their weights and norms go on sharing the result.
        key = tuple(id(array) for each in (node, *run) for array in each.params.values())
        if key not in self.shared:
            self.shared[key] = _melted_params(node, self._total(run, axis))
        return Node(run[-1].name, replace(node.op, bias=True), node.inputs, self.shared[key], node.layer)  # type: ignore[call-arg]

    def _merged(self, run: list[Node]) -> Node:
        first, last = run[0], run[-1]
        if not isinstance(first.op, BatchNormalization):
            total = self._total(run, 1)
            params = {"scale": _stored(total.factor), "bias": _stored(total.shift)}
            return Node(last.name, Scale(1, 1, bias=True), first.inputs, params, last.layer)
        after = self._total(run[1:], 1)
        own = _Affine(np.asarray(first.params.get("scale", 1.0)), np.asarray(first.params.get("bias", 0.0)))
        total = own.then(after)
        params = {
            "mean": first.params["mean"],
            "variance": first.params["variance"],
            "scale": _stored(total.factor),
            "bias": _stored(total.shift),
        }
        return Node(last.name, replace(first.op, affine=True), first.inputs, params, last.layer)


def _channel_axis(graph: Graph, node: Node) -> int | None:
    """Return the axis of a node's output that has one entry per filter; None where it has none."""
    if isinstance(node.op, Convolution):
        return node.op.axis
    if isinstance(node.op, Dense):
        return len(graph.shapes[node.name]) - 1
    return 1 if isinstance(node.op, (ConvolutionTranspose, *_AFFINE)) else None


def _affine(graph: Graph, node: Node, axis: int) -> _Affine | None:
    """Return what a node computes per entry of `axis`; None if it is something else, or affine along other axes."""
    shape = graph.shapes[node.name]
    if len(shape) <= axis:
        return None
    if isinstance(node.op, BatchNormalization):
        return _of_batch_norm(node.op, node.params) if axis == 1 else None
    if not isinstance(node.op, (Scale, Bias)) or not _covers(node.op, shape, axis):
        return None
    ones, zeros = np.ones(shape[axis]), np.zeros(shape[axis])
    return _Affine(ones * node.params.get("scale", 1.0), zeros + node.params.get("bias", 0.0))


def _covers(op: Scale | Bias, shape: Shape, axis: int) -> bool:
    """Return whether the params of a Scale or Bias are one value per entry of `axis`, or a single value."""
    if op.num_axes == 0:
        return True
    covered = len(shape) - op.axis % len(shape) if op.num_axes == -1 else op.num_axes
    return op.axis % len(shape) == axis and covered == 1


def _of_batch_norm(op: BatchNormalization, params: Mapping[str, Array]) -> _Affine:
    mean, variance = (params[name].astype(np.float64) for name in ("mean", "variance"))
    # No finite factor: the caller finds out and leaves the node alone.
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = params.get("scale", 1.0) / np.sqrt(variance + op.epsilon)
        return _Affine(np.asarray(factor), np.asarray(params.get("bias", 0.0) - mean * factor))


def _melted_params(node: Node, affine: _Affine) -> dict[str, Array]:
    weight = node.params["weight"]
    factor = affine.factor
    if isinstance(node.op, ConvolutionTranspose):
        # Weights are (in, out / groups, ...): rows of one group of inputs meet the outputs of their own group only.
        groups = node.op.groups
        per_row = factor.reshape(groups, 1, -1).repeat(weight.shape[0] // groups, 1)
        factors = per_row.reshape(weight.shape[0], weight.shape[1], *(1,) * (weight.ndim - 2))
    else:
        factors = factor.reshape(-1, *(1,) * (weight.ndim - 1))
    bias = affine.shift + np.float64(node.params.get("bias", 0.0)) * factor
    return {"weight": (weight * factors).astype(weight.dtype), "bias": bias.astype(weight.dtype)}


def _stored(values: Array) -> Array:
    return np.asarray(values, np.float32)
