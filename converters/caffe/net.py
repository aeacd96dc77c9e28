"""Message tree of a prototxt -> the V2 layers that real Caffe would build from it, in a given state.

Does what Caffe does between parsing and building (`src/caffe/util/upgrade_proto.cpp`, `Net::FilterNet` in
`src/caffe/net.cpp`): V0 and V1 layers are upgraded, old inputs become an Input layer, include and exclude rules choose.
Caffe's upgrade of BatchNorm's three `param`s only zeroes learning rates, so nothing is left of it here.
"""

from dataclasses import dataclass

from converters.caffe.old_layers import Upgrade, upgraded_layers
from converters.caffe.tree import Message


@dataclass(frozen=True)
class NetState:
    """What include and exclude rules are matched against.

    As in Caffe, `phase` and `level` replace those in the prototxt's own `state { }`, and `stages` join its stages.
    """

    phase: str = "TEST"
    level: int = 0
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer in V2 terms, whatever the file's format.

    `type` is the V2 name such as Convolution; `message` is a LayerParameter message with the lines of the file.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Message

    @property
    def where(self) -> str:
        """The layer's place for the head of an error message."""
        return f"{self.message.where()}: layer '{self.name}'"

    @property
    def params(self) -> list[Message]:
        """The `param { }` messages, one for each blob or fewer; they hold `name` and `share_mode`."""
        return self.message.all("param")

    def param(self, name: str) -> Message:
        """Return the layer's settings, such as `convolution_param`; all defaults when the file has none."""
        return self.message.message(name)


@dataclass(frozen=True, eq=False)
class Net:
    """A network definition after upgrade and filter; `warnings` name what Caffe ignores in the file."""

    name: str
    layers: list[Layer]
    warnings: list[str]


def resolve(net: Message, state: NetState | None = None) -> Net:
    """Return the layers that a NetParameter message has in a state; raises `FormatError` with all problems."""
    upgrade = upgraded_layers(net)
    upgrade.layers[:0] = _input_layer(net, upgrade)
    chosen = _chosen(net, state or NetState(), upgrade)
    layers = [_layer(message, upgrade) for message in upgrade.layers if _included(message, chosen, upgrade)]
    upgrade.problems.check()
    return Net(net.get("name"), layers, upgrade.warnings)


def _layer(message: Message, upgrade: Upgrade) -> Layer:
    name, kind = message.get("name"), message.get("type")
    if not kind:
        upgrade.problems.add(f"{message.where()}: layer '{name}' has no type")
    return Layer(name, kind, tuple(message.all("bottom")), tuple(message.all("top")), message)


def _input_layer(net: Message, upgrade: Upgrade) -> list[Message]:
    """The Input layer that stands for the old fields `input`, `input_dim` and `input_shape`, or none.

    Without any size the layer has no shape, and whoever builds the network must be told one.
    """
    names, shapes, sizes = net.all("input"), net.all("input_shape"), net.items("input_dim")
    if not names:
        if shapes or sizes:
            upgrade.warnings.append(
                f"{net.where('input_dim' if sizes else 'input_shape')}: sizes without 'input:' are ignored"
            )
        return []
    if shapes and sizes:
        upgrade.warnings.append(f"{net.where('input_dim')}: 'input_dim' is ignored, 'input_shape' counts")
    layer = Message("LayerParameter", net.path, net.line_of("input"))
    layer.add("name", "input", layer.line)
    layer.add("type", "Input", layer.line)
    for name, line in net.items("input"):
        layer.add("top", name, line)
    if shapes or sizes:
        layer.add("input_param", _input_shapes(net, len(names), upgrade), layer.line)
    return [layer]


def _input_shapes(net: Message, inputs: int, upgrade: Upgrade) -> Message:
    settings = Message("InputParameter", net.path, net.line_of("input"))
    shapes, sizes = net.items("input_shape"), net.items("input_dim")
    if shapes:
        if len(shapes) != inputs:
            upgrade.problems.add(f"{net.where('input_shape')}: {len(shapes)} 'input_shape' for {inputs} 'input'")
        for shape, line in shapes:
            settings.add("shape", shape, line)
        return settings
    if len(sizes) != 4 * inputs:
        upgrade.problems.add(
            f"{net.where('input_dim')}: {len(sizes)} 'input_dim' for {inputs} 'input'; each input takes four "
            "(batch, channels, height, width), or one input_shape { dim: ... } with any number"
        )
    for start in range(0, len(sizes), 4):
        shape = Message("BlobShape", net.path, sizes[start][1])
        for size, line in sizes[start : start + 4]:
            shape.add("dim", size, line)
        settings.add("shape", shape, shape.line)
    return settings


def _chosen(net: Message, state: NetState, upgrade: Upgrade) -> NetState:
    own = net.message("state")
    for name, wanted in (("phase", state.phase), ("level", state.level)):
        if own.has(name) and own.get(name) != wanted:
            upgrade.warnings.append(f"{own.where(name)}: state {{ {name} }} gives way to the chosen {name} {wanted}")
    return NetState(state.phase, state.level, (*own.all("stage"), *state.stages))


def _included(layer: Message, state: NetState, upgrade: Upgrade) -> bool:
    include, exclude = layer.all("include"), layer.all("exclude")
    if include and exclude:
        where = f"{layer.where('include')}: layer '{layer.get('name')}'"
        upgrade.problems.add(f"{where} has both include and exclude rules; Caffe allows one kind")
    met = [_meets(rule, state) for rule in include or exclude]
    return any(met) if include else not any(met)


def _meets(rule: Message, state: NetState) -> bool:
    """A state meets a rule when it meets every condition in it."""
    return all(
        [
            not rule.has("phase") or rule.get("phase") == state.phase,
            not rule.has("min_level") or state.level >= rule.get("min_level"),
            not rule.has("max_level") or state.level <= rule.get("max_level"),
            set(rule.all("stage")) <= set(state.stages),
            not set(rule.all("not_stage")) & set(state.stages),
        ]
    )
