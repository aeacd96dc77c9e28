"""From a graph to the attributes and statements of a module: what is called how, nested, and kept in which variable."""

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, field

from converters import ops
from converters.ir import Graph, Node
from converters.ops import Array, Op
from converters.torch_model.block_sources import BLOCKS
from converters.torch_model.layer import Layer
from converters.torch_model.names import MODULE_ATTRIBUTES, MODULE_NAMES, identifier, mention, unique
from converters.torch_model.shape_texts import ShapeTexts

# What reads well around the call before it: relu(batch_norm(conv(x))).
FOLLOWERS: tuple[type[Op], ...] = (
    ops.BatchNormalization, ops.Bias, ops.Clip, ops.Dropout, ops.ELU, ops.Identity, ops.PReLU, ops.ReLU, ops.Scale,
    ops.Sigmoid, ops.Softplus, ops.Swish, ops.TanH,
)  # fmt: skip
BUFFERS = ("", "mean", "num_batches_tracked", "running_mean", "running_var", "scale")
LONGEST_NEST = 80
RESERVED = MODULE_NAMES | BLOCKS.keys() | frozenset(dir(builtins))


@dataclass(frozen=True, eq=False)
class Attribute:
    """A layer of the module: `self.<name> = <module>`; `layer` is what the source calls it.

    A blank line follows where a stage ends.
    """

    name: str
    module: str
    layer: str
    tensors: Mapping[str, Array]
    ends_stage: bool = False

    def state(self) -> dict[str, Array]:
        """Return its arrays under their names in the state_dict of the network."""
        return {f"{self.name}.{suffix}" if suffix else self.name: array for suffix, array in self.tensors.items()}


@dataclass(frozen=True)
class Statement:
    """`<targets> = <expression>  # <comment>`; without targets it is what `forward` returns.

    A blank line follows where a stage ends.
    """

    targets: tuple[str, ...]
    expression: str
    comment: str
    ends_stage: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """The parts of a module's class."""

    attributes: tuple[Attribute, ...]
    parameters: Mapping[str, str]  # inputs -> names of forward's parameters
    statements: tuple[Statement, ...]
    returns: Mapping[str, str]  # outputs -> variables; empty when the last statement returns
    shapes: ShapeTexts

    def state(self) -> dict[str, Array]:
        """Return the state_dict: name -> array, shared ones under each of their names."""
        return {name: array for attribute in self.attributes for name, array in attribute.state().items()}

    def shared(self) -> list[tuple[str, str]]:
        """Return (later, first) names of parameters that are one array in the source."""
        first: dict[object, str] = {}
        pairs = []
        for attribute in self.attributes:
            for suffix, array in attribute.tensors.items():
                if suffix not in BUFFERS:
                    name = f"{attribute.name}.{suffix}"
                    pairs.append((name, first.setdefault(_identity(array), name)))
        return [(name, other) for name, other in pairs if name != other]


def plan(graph: Graph, layers: Mapping[str, Layer], class_name: str) -> Plan:
    """Lay out a module for the nodes that the outputs need; `layers` holds the source code of each node."""
    nodes = needed(graph)
    attributes, of_node = _attributes(graph, nodes, layers)
    shapes = ShapeTexts(graph)
    draft = _Draft(graph, nodes, layers, of_node, shapes)
    parameters = draft.parameters(RESERVED | {class_name})
    statements, returns = draft.statements()
    return Plan(tuple(attributes), parameters, tuple(statements), returns, shapes)


def needed(graph: Graph) -> list[Node]:
    """Return the nodes that the outputs depend on, in execution order."""
    wanted = set(graph.outputs.values())
    for node in reversed(graph.nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    return [node for node in graph.nodes if node.name in wanted]


def _attributes(
    graph: Graph, nodes: list[Node], layers: Mapping[str, Layer]
) -> tuple[list[Attribute], dict[str, Attribute]]:
    """Return all attributes and the one of each node; nodes with the same layer and arrays have one in common."""
    found: dict[object, Attribute] = {}
    of_node: dict[str, Attribute] = {}
    used = {"mean_image", "tie_weights"}
    for node in nodes:
        layer = layers[node.name]
        if layer.module:
            own = (layer.module, tuple((suffix, _identity(array)) for suffix, array in layer.tensors.items()))
            key = own if layer.tensors else node.name
            if key not in found:
                name = unique(_free(identifier(node.layer, "layer"), MODULE_ATTRIBUTES), used)
                used.add(name)
                found[key] = Attribute(name, layer.module, node.layer, layer.tensors, _ends_stage(graph, node))
            of_node[node.name] = found[key]
    return list(found.values()), of_node


def _identity(array: Array) -> object:
    return (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype)


def _free(name: str, reserved: frozenset[str] | set[str]) -> str:
    return f"{name}_" if name in reserved else name


@dataclass(eq=False)
class _Draft:
    """Statements in the making: groups of nodes, each one statement, and the variables of what is alive."""

    graph: Graph
    nodes: list[Node]
    layers: Mapping[str, Layer]
    of_node: Mapping[str, Attribute]
    shapes: ShapeTexts
    variables: dict[str, str] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    same: dict[str, str] = field(default_factory=dict)  # values -> values that are the same part of the same tuple

    def parameters(self, reserved: frozenset[str]) -> dict[str, str]:
        """Name the parameters of `forward`."""
        self.reserved = set(reserved)
        return {name: self._named(name) for name in self.graph.inputs}

    def statements(self) -> tuple[list[Statement], dict[str, str]]:
        """Return the statements, and the variable of each output unless the last statement returns the only one."""
        groups = self._groups()
        outputs = list(self.graph.outputs.values())
        returned = len(outputs) == 1 and groups and outputs == [groups[-1][-1].name] and self._part(groups[-1]) is None
        statements = []
        for index, group in enumerate(groups):
            last = returned and index == len(groups) - 1
            expression = self._expression(group)
            targets = () if last else self._targets(groups, index)
            comment = self._comment(group, targets)
            statements.append(Statement(targets, expression, comment, _ends_stage(self.graph, group[-1])))
        returns = {} if returned else {outside: self.variables[value] for outside, value in self.graph.outputs.items()}
        return statements, returns

    def _groups(self) -> list[list[Node]]:
        """Split the nodes into statements: chains that are nested, and the parts of one tuple."""
        groups: list[list[Node]] = []
        for node in self.nodes:
            twins = next((group for group in groups if self._twins(group[0], node)), [])
            part = self.layers[node.name].part
            same = next((twin.name for twin in twins if self.layers[twin.name].part == part), "")
            if same:
                self.same[node.name] = same
                groups.append([node])
            elif twins:
                twins.append(node)
            elif groups and self._nests(groups[-1], node):
                groups[-1].append(node)
            else:
                groups.append([node])
        return groups

    def _twins(self, first: Node, node: Node) -> bool:
        """Whether two nodes are parts of one tuple."""
        parts = self.layers[first.name].part, self.layers[node.name].part
        one_call = self.of_node.get(first.name) is self.of_node.get(node.name) and first.inputs == node.inputs
        return None not in parts and one_call

    def _nests(self, group: list[Node], node: Node) -> bool:
        """Whether a node goes around the call of the node before it, which its attribute alone must tell then."""
        inner, layer = group[-1], self.layers[node.name]
        return (
            isinstance(node.op, FOLLOWERS)
            and layer.forward == "{layer}({0})"
            and node.inputs == (inner.name,)
            and self.graph.consumers(inner.name) == [node]
            and inner.name not in self.graph.outputs.values()
            and self._told_by_attribute(inner)
            and len(self._expression([*group, node])) <= LONGEST_NEST
        )

    def _told_by_attribute(self, node: Node) -> bool:
        attribute, layer = self.of_node.get(node.name), self.layers[node.name]
        named = attribute is not None and attribute.layer == node.name
        return named and layer.part is None and _is_one_call(layer.forward)

    def _part(self, group: list[Node]) -> int | None:
        """Return which part of a tuple the first node is, None for no tuple or what has a variable already."""
        return None if group[0].name in self.same else self.layers[group[0].name].part

    def _reads(self, node: Node) -> tuple[str, ...]:
        return (self.same[node.name],) if node.name in self.same else node.inputs

    def _expression(self, group: list[Node]) -> str:
        if group[0].name in self.same:
            return self.variables[self.same[group[0].name]]
        text = ""
        for node in group if self._part(group) is None else group[:1]:
            layer, attribute = self.layers[node.name], self.of_node.get(node.name)
            inputs = [text] if text else [self.variables.get(name, name) for name in node.inputs]
            text = layer.forward.format(*inputs, layer=f"self.{attribute.name}" if attribute else "")
        return text

    def _targets(self, groups: list[list[Node]], index: int) -> tuple[str, ...]:
        group = groups[index]
        if self._part(group) is None:
            return (self._variable(groups, index, group[-1].name),)
        by_part = {self.layers[node.name].part: node.name for node in group}
        return tuple(self._variable(groups, index, by_part[part]) if part in by_part else "_" for part in range(2))

    def _variable(self, groups: list[list[Node]], index: int, value: str) -> str:
        """Return `x` for what only the next statement reads, an own name for everything else."""
        readers = [i for i, group in enumerate(groups) for node in group if i != index and value in self._reads(node)]
        joined = any(isinstance(node.op, ops.Concat) for node in self.graph.consumers(value))
        if set(readers) == {index + 1} and value not in self.graph.outputs.values() and not joined:
            self.variables[value] = "x"
            return "x"
        return self._named(value)

    def _named(self, value: str) -> str:
        wanted = _free(identifier(value, "value"), self.reserved)
        self.variables[value] = unique(wanted, self.variables.values())
        return self.variables[value]

    def _comment(self, group: list[Node], targets: tuple[str, ...]) -> str:
        """Return the shape, after the value's name where neither the variable nor the called layer is named so."""
        if self._part(group) is not None:
            nodes = sorted(group, key=lambda node: self.layers[node.name].part or 0)
            return "; ".join(f"{mention(node.name)}: {self.shapes[node.name]}" for node in nodes)
        value = group[-1].name
        attribute, layer = self.of_node.get(value), self.layers[value]
        called = attribute is not None and _is_one_call(layer.forward) and value not in self.same
        told = attribute.layer == value if attribute and called else targets == (value,)
        return self.shapes[value] if told else f"{mention(value)}: {self.shapes[value]}"


def _ends_stage(graph: Graph, node: Node) -> bool:
    """Whether a blank line reads well behind a node: the pooling between two stages of a chain."""
    return isinstance(node.op, ops.Pooling) and graph.consumers(node.inputs[0]) == [node]


def _is_one_call(expression: str) -> bool:
    """Whether an expression is a call of {layer} and nothing around it."""
    if not expression.startswith("{layer}("):
        return False
    depth = 0
    for place, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if depth == 0 and character == ")":
            return place == len(expression) - 1
    return False
