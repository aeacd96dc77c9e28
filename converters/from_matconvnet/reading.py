"""From a MAT-file to a Graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from converters.errors import ConversionError, FormatError, did_you_mean
from converters.from_matconvnet.dagnn import Wiring, read_dagnn, read_wiring
from converters.from_matconvnet.fields import described
from converters.from_matconvnet.meta import Meta
from converters.from_matconvnet.simplenn import INPUT, read_simplenn
from converters.from_matconvnet.walk import Walk
from converters.ir import Graph, Source
from converters.matlab.files import Opaque, StructArray, Value, read_mat
from converters.ops import Shape

# Variables of a network; a training snapshot holds the solver's state beside them, as large as the weights.
VARIABLES = frozenset({"net", "layers", "params", "vars", "meta", "normalization", "classes"})


def read_matconvnet(path: str | Path, *, input_shapes: Mapping[str, Shape] | None = None) -> Graph:
    """Read a MatConvNet network, SimpleNN or DagNN, as a Graph.

    `input_shapes` gives or replaces input sizes (batch, channels, height, width) by name; the input of a SimpleNN is
    called "data". Without it the file must state them; the batch is then 1. A SimpleNN's nodes are named after its
    layers, `aliases` knows them as x1, x2 ...; a DagNN's nodes after the variables they compute. Losses at the end are
    left out (`warnings` says so), softmaxloss leaves a Softmax. Raises ConversionError with all problems found, each
    with file and layer.
    """
    path = Path(path)
    net = _network(path)
    reading = _Reading(Walk(str(path)), Meta(net), {name: tuple(size) for name, size in (input_shapes or {}).items()})
    reading.check_asked_sizes()
    if isinstance(net["layers"], list) and not isinstance(net["layers"], StructArray):
        return reading.simplenn(path, net["layers"])
    return reading.dagnn(path, net)


def _network(path: Path) -> dict[str, Value]:
    """Return the network's struct: the variable `net`, or the top level itself."""
    variables = read_mat(path, VARIABLES)
    if "net" not in variables and "layers" not in variables:
        variables = read_mat(path)
        found = [value for value in variables.values() if isinstance(value, dict) and "layers" in value]
        variables |= {"net": found[0]} if len(found) == 1 else {}
    net = variables.get("net", variables)
    if isinstance(net, Opaque) and "object" in net.what:
        raise FormatError(
            f"{path}: 'net' is {net.what}, of which a MAT-file holds no plain data; save what it stands for: "
            f"net = net.saveobj(); save('{path.name}', '-struct', 'net')"
        )
    if not isinstance(net, dict):
        raise FormatError(f"{path}: 'net' is {described(net)}, expected a struct with the field 'layers'")
    if "layers" not in net:
        held = ", ".join(f"'{name}'" for name in variables if name) or "nothing"
        raise FormatError(f"{path}: holds no network: there is neither 'net' nor 'layers', but {held}")
    layers = net["layers"]
    if not isinstance(layers, list | dict):
        raise FormatError(
            f"{path}: 'layers' is {described(layers)}, expected a cell (SimpleNN) or a struct array (DagNN)"
        )
    return net


@dataclass
class _Reading:
    """One network on its way to a Graph."""

    walk: Walk
    meta: Meta
    asked: dict[str, Shape]

    def check_asked_sizes(self) -> None:
        """Refuse sizes that are no size of an image."""
        for name, size in self.asked.items():
            if len(size) != 4 or min(size) < 1:
                self.walk.problems.append(
                    f"input size {name}={'x'.join(map(str, size))} must be batch x channels x height x width, "
                    "all positive"
                )
        if self.walk.problems:
            raise ConversionError(self.walk.problems)

    def simplenn(self, path: Path, cells: list[Value]) -> Graph:
        """Return the Graph of a SimpleNN."""
        stated = self.meta.input_sizes()
        self._check_asked_names([INPUT])
        size = self.asked.get(INPUT) or next(iter(stated.values()), None) or self.meta.image_size()
        outputs, aliases = read_simplenn(cells, size, self.walk)
        return self._graph(path, {INPUT: size} if size else {}, outputs, aliases)

    def dagnn(self, path: Path, net: Mapping[str, Value]) -> Graph:
        """Return the Graph of a DagNN."""
        wiring = read_wiring(net, self.walk)
        self._check_asked_names(wiring.inputs)
        sizes = self._sizes(wiring)
        outputs, aliases = read_dagnn(wiring, sizes, self.walk)
        inputs = {name: sizes[name] for name in wiring.inputs if name in self.walk.values.shapes}
        return self._graph(path, inputs, outputs, aliases)

    def _sizes(self, wiring: Wiring) -> dict[str, Shape]:
        stated = {name: size for name, size in self.meta.input_sizes().items() if name in wiring.inputs}
        image = self.meta.image_size()
        if image and not stated and len(wiring.inputs) == 1:
            stated = {wiring.inputs[0]: image}
        return stated | self.asked

    def _check_asked_names(self, inputs: list[str]) -> None:
        for name in self.asked:
            if name not in inputs:
                hint = did_you_mean(name, inputs)
                self.walk.problems.append(
                    f"there is no input '{name}' to give a size to; the inputs are {', '.join(inputs)}{hint}"
                )

    def _graph(self, path: Path, inputs: dict[str, Shape], outputs: dict[str, str], aliases: dict[str, str]) -> Graph:
        if self.walk.problems:
            raise ConversionError(self.walk.problems)
        image = next((name for name in (INPUT, "input") if name in inputs), next(iter(inputs)))
        preprocessing = self.meta.preprocessing(inputs[image])
        warnings = (*self.walk.warnings, *(f"{path}: {warning}" for warning in self.meta.warnings))
        return Graph(
            path.stem, inputs, tuple(self.walk.nodes), outputs, preprocessing, self.meta.labels(),
            Source("MatConvNet", {str(path): ""}), {}, aliases, warnings,
        )  # fmt: skip
