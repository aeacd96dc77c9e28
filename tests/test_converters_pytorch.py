"""The text of generated PyTorch modules: readable, complete, and closed to whatever a foreign model calls its parts."""

import ast
import io
import keyword
import tokenize
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import cases
from converters import ops, to_torch
from converters.from_caffe import read_caffe
from converters.ir import Graph, Node, Preprocessing, Source
from converters.ops import Array, Shape
from converters.torch_model.block_sources import BLOCKS, import_lines, names_used
from converters.torch_model.layer import code, number, short
from converters.torch_model.line_folding import WIDTH, folded
from converters.torch_model.names import (
    MODULE_ATTRIBUTES,
    MODULE_NAMES,
    class_name,
    file_stem,
    identifier,
    literal,
    mention,
    plain,
)
from converters.torch_model.probe import Probe
from op_examples import EXAMPLES
from op_values import assert_close

ONE, NONE = (1, 1), ((0, 0), (0, 0))


def text_of(graph: Graph, folder: Path) -> str:
    return to_torch.save(graph, folder)[0].read_text(encoding="utf-8")


def loaded(graph: Graph, folder: Path) -> tuple[ModuleType, torch.nn.Module]:
    module = ModuleType("generated")
    module.__file__ = str(folder / f"{file_stem(graph.name)}.py")
    exec(text_of(graph, folder), vars(module))  # noqa: S102 - what was just written
    return module, module.load()


def forward_of(text: str) -> list[str]:
    """The statements of the network's `forward`."""
    body = text[text.rindex("    def forward(") :].partition("\n\n\n")[0]
    return [line.strip() for line in body.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]


def normal(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def net(nodes: Sequence[Node], outputs: Sequence[str], inputs: dict[str, Shape] | None = None) -> Graph:
    return Graph("net", inputs or {"data": (2, 4, 6, 6)}, tuple(nodes), {output: output for output in outputs})


def conv(name: str, source: str, weight: Array | None = None, **settings: str) -> Node:
    op = ops.Convolution(4, ONE, ONE, NONE, ONE, bias=False)
    return Node(name, op, (source,), {"weight": normal(4, 4, 1, 1) if weight is None else weight}, **settings)


def check(graph: Graph, folder: Path) -> None:
    feeds = {name: normal(*shape) for name, shape in graph.inputs.items()}
    got, expected = to_torch.run(graph, folder, feeds), graph.run(feeds)
    assert set(got) == {node.name for node in graph.nodes}
    for name, array in got.items():
        assert_close(array, expected[name])


def test_vgg_reads_well(tmp_path: Path) -> None:
    case = cases.caffe_case("net_vggface_small")
    graph = replace(read_caffe(case.prototxt, case.weights), source=Source("Caffe", {"a.caffemodel": "12ab"}, "free"))
    text = text_of(graph, tmp_path)
    assert text.startswith('"""VGG_FACE_16_layers, converted from Caffe by faceport')
    assert "    a.caffemodel  sha256 12ab\n\nLicence: free\n\nInput data: (N, 3, 64, 64)\nOutput prob: (N, 40)" in text
    assert "class VGGFACE16Layers(nn.Module):" in text
    assert "        self.conv1_1 = nn.Conv2d(3, 4, 3, padding=1)\n        self.relu1_1 = nn.ReLU()\n" in text
    assert "        self.pool1 = nn.MaxPool2d(2, stride=2, ceil_mode=True)\n\n        self.conv2_1" in text
    assert "        self.drop6 = nn.Dropout(0.5)\n" in text
    statements = forward_of(text)
    assert statements[0] == "x = self.relu1_1(self.conv1_1(data))  # (N, 4, 64, 64)"
    assert statements[-4:] == [
        "x = self.drop6(self.relu6(self.fc6(x.flatten(1))))  # (N, 256)",
        "x = self.drop7(self.relu7(self.fc7(x)))  # (N, 256)",
        "x = self.fc8(x)  # (N, 40)",
        "return self.prob(x)  # (N, 40)",
    ]


def test_branches_keep_their_names(tmp_path: Path) -> None:
    nodes = [
        conv("conv1", "data"),
        Node("relu1", ops.ReLU(), ("conv1",)),
        conv("branch", "relu1"),
        Node("sum", ops.Sum(), ("relu1", "branch")),
        Node("left", ops.Slice(1, 0, 1), ("sum",)),
        Node("right", ops.Slice(1, 1, None), ("sum",)),
        Node("joined", ops.Concat(), ("left", "right")),
    ]
    graph = net(nodes, ["joined"])
    assert forward_of(text_of(graph, tmp_path)) == [
        "relu1 = self.relu1(self.conv1(data))  # (N, 4, 6, 6)",
        "x = self.branch(relu1)  # (N, 4, 6, 6)",
        "sum_ = relu1 + x  # sum: (N, 4, 6, 6)",
        "left = sum_[:, :1]  # (N, 1, 6, 6)",
        "right = sum_[:, 1:]  # (N, 3, 6, 6)",
        "return torch.cat((left, right), 1)  # joined: (N, 4, 6, 6)",
    ]
    check(graph, tmp_path)


def test_several_outputs_stand_in_order(tmp_path: Path) -> None:
    nodes = [conv("b", "data"), Node("relu/1", ops.ReLU(), ("b",)), Node("a", ops.TanH(), ("relu/1",))]
    graph = Graph("net", {"data": (2, 4, 6, 6)}, tuple(nodes), {"z": "a", "relu": "relu/1", "the input": "data"})
    module, model = loaded(graph, tmp_path)
    feeds = {"data": normal(2, 4, 6, 6)}
    got = model(torch.from_numpy(feeds["data"]))
    assert list(got) == ["z", "relu", "the input"]
    for name, array in graph.output_values(graph.run(feeds)).items():
        assert_close(got[name].detach().numpy(), array)
    assert type(model).__name__ == "Net"
    assert module.Net.forward.__annotations__["return"] == dict[str, torch.Tensor]
    assert set(to_torch.run(graph, tmp_path, feeds, wanted=())) == {"a", "relu/1", "data"}


def test_what_no_output_needs_is_left_out(tmp_path: Path) -> None:
    nodes = [conv("used", "data"), conv("unused", "data"), Node("y", ops.ReLU(), ("used",))]
    text = text_of(net(nodes, ["y"]), tmp_path)
    assert "unused" not in text
    assert forward_of(text) == ["return self.y(self.used(data))  # (N, 4, 6, 6)"]


def test_layers_that_are_one_are_written_once(tmp_path: Path) -> None:
    weight = normal(4, 4, 1, 1)
    inputs = {"a": (2, 4, 6, 6), "b": (2, 4, 6, 6)}
    nodes = [conv("left", "a", weight), conv("right", "b", weight), Node("y", ops.Maximum(), ("left", "right"))]
    graph = net(nodes, ["y"], inputs)
    assert forward_of(text_of(graph, tmp_path)) == [
        "left = self.left(a)  # (N, 4, 6, 6)",
        "x = self.left(b)  # right: (N, 4, 6, 6)",
        "return torch.maximum(left, x)  # y: (N, 4, 6, 6)",
    ]
    check(graph, tmp_path)
    assert set(loaded(graph, tmp_path)[1].state_dict()) == {"left.weight"}


def test_parameters_that_are_one_stay_one(tmp_path: Path) -> None:
    weight = normal(4, 4, 1, 1)
    wide = ops.Convolution(4, ONE, (2, 2), NONE, ONE, bias=False)
    nodes = [conv("a", "data", weight), Node("b", wide, ("a",), {"weight": weight})]
    graph = net(nodes, ["b"])
    _, model = loaded(graph, tmp_path)
    assert model.a.weight is model.b.weight
    check(graph, tmp_path)


def test_states_of_a_sequence_come_from_one_call(tmp_path: Path) -> None:
    params = {"weight_x": normal(12, 4), "bias": normal(12), "weight_h": normal(12, 3)}
    read = ("x", "cont")
    nodes = [
        Node("h", ops.LSTM(3), read, params),
        Node("again", ops.LSTM(3), read, params),
        Node("c", ops.LSTM(3, returns="cell"), read, params),
        Node("last", ops.Slice(0, 4, None), ("c",)),
    ]
    graph = net(nodes, ["h", "again", "last"], {"x": (5, 2, 4), "cont": (5, 2)})
    assert forward_of(text_of(graph, tmp_path)) == [
        "h, c = self.h(x_, cont)  # h: (5, 2, 3); c: (5, 2, 3)",
        "again = h  # (5, 2, 3)",
        "last = c[4:]  # (1, 2, 3)",
        'return {"h": h, "again": again, "last": last}',
    ]
    check(graph, tmp_path)
    only_cells = net([Node("c", ops.LSTM(3, returns="cell"), read, params)], ["c"], {"x": (5, 2, 4), "cont": (5, 2)})
    assert forward_of(text_of(only_cells, tmp_path / "cells"))[0] == "_, c = self.c(x_, cont)  # c: (5, 2, 3)"
    check(only_cells, tmp_path / "cells")


def test_stored_arrays_and_regions(tmp_path: Path) -> None:
    nodes = [
        Node("stored/1", ops.Constant((2, 4, 6, 6)), (), {"value": normal(2, 4, 6, 6)}),
        Node("y", ops.Sum(), ("data", "stored/1")),
        Node("kept", ops.Filter(), ("y", "flags")),
    ]
    graph = net(nodes, ["kept"], {"data": (2, 4, 6, 6), "flags": (2,)})
    text = text_of(graph, tmp_path)
    assert "self.stored_1 = nn.Buffer(torch.zeros((2, 4, 6, 6)))  # stored/1" in text
    assert forward_of(text)[-1] == "return x[flags.flatten() != 0]  # kept: at most (2, 4, 6, 6)"
    check(graph, tmp_path)


HOSTILE = [
    '"); import os; os.system("touch PWNED") #', '"""\nopen("PWNED", "w")\n"""', "'''", "a\nopen('PWNED', 'w')",
    "a\r\nb", "\\", "\\n", '\\"', "'", "{0}", "{layer}", "%s", "a\x00b", "\u2028open('PWNED', 'w')", "\x0cx",
    "\u202eabc", "\ud800", "__class__", "__init__", "forward", "type", "half", "train", "class", "match", "0abc",
    "\xe9", "\uff46oo", "foo", "x", "self", "torch", "F", "nn", "Tensor", "print", "N", "load", "a: (1, 2)",
    "a; b: (1", "# hi", " ", "Scale", "WEIGHTS", "_", "names.with-all/of+it", "x/2", "y" * 300, "(", "[a, b](c)", "",
]  # fmt: skip


def hostile_graph() -> Graph:
    inputs: dict[str, Shape] = {f"in {name}": (2, 4, 3, 3) for name in HOSTILE[:3]}
    nodes: list[Node] = [Node("sum", ops.Sum(), tuple(inputs))]
    for index, name in enumerate(HOSTILE):
        kinds = (
            conv,
            lambda n, s: Node(n, ops.ReLU(0.5), (s,)),
            lambda n, s: Node(n, ops.Scale(), (s,), {"scale": normal(4)}, layer=f"layer {n}"),
            lambda n, s: Node(n, ops.Power(1.0, 0.5, 1.0), (s,)),
        )
        nodes.append(kinds[index % 4](name, nodes[-1].name))
    outputs = {name: name for name in HOSTILE[::5]} | {HOSTILE[0] + "2": HOSTILE[-1]}
    return Graph(
        HOSTILE[1], inputs, tuple(nodes), outputs, Preprocessing(None, None, None, None), tuple(HOSTILE),
        Source(HOSTILE[0], {name: name for name in HOSTILE}, HOSTILE[1]), warnings=tuple(HOSTILE),
    )  # fmt: skip


def test_nothing_breaks_out_of_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    graph = hostile_graph()
    tree = ast.parse(text_of(graph, tmp_path / "net"))
    kinds = [type(item).__name__ for item in tree.body]
    imports = sum(kind in {"Import", "ImportFrom"} for kind in kinds)
    rest = kinds[1 + imports :]
    assert kinds[0] == "Expr"
    assert rest == ["Assign", "ClassDef", "ClassDef", "FunctionDef", "Assign"]
    module, model = loaded(graph, tmp_path / "net")
    assert tuple(HOSTILE) == module.LABELS
    got = model(*(torch.from_numpy(normal(*shape)) for shape in graph.inputs.values()))
    assert list(got) == list(graph.outputs)
    check(graph, tmp_path / "net")
    assert not (tmp_path / "PWNED").exists()
    assert all(path.name.isascii() for path in (tmp_path / "net").iterdir())


def bound_by_imports(tree: ast.Module) -> set[str]:
    return {alias.asname or alias.name for item in tree.body for alias in getattr(item, "names", [])}


def test_every_module_is_tidy(tmp_path: Path) -> None:
    graphs = [*(example.graph() for example in EXAMPLES), hostile_graph()]
    for index, graph in enumerate(graphs):
        text = text_of(graph, tmp_path / str(index))
        tree = ast.parse(text)
        assert bound_by_imports(tree) <= names_used(tree), graph.name
        for function in (item for item in ast.walk(tree) if isinstance(item, ast.FunctionDef)):
            names = [item for item in ast.walk(function) if isinstance(item, ast.Name)]
            stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
            assert stored - {name.id for name in names if isinstance(name.ctx, ast.Load)} <= {"_"}, graph.name
        own = text.splitlines() if len(graph.name) < 40 and graph is not graphs[-1] else []
        assert [line for line in own if len(line) > WIDTH or line != line.rstrip()] == []


def test_names_that_mean_something_are_known() -> None:
    public = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert public <= MODULE_ATTRIBUTES
    everything = import_lines(set().union(*(block.uses for block in BLOCKS.values())) | {"Path", "load_file", "math"})
    assert bound_by_imports(ast.parse(everything)) <= MODULE_NAMES


def test_layers_do_not_hide_what_modules_have(tmp_path: Path) -> None:
    nodes = [Node("start", ops.Sum(), ("data",))]
    for name in (*sorted(MODULE_ATTRIBUTES), "tie_weights", "mean_image"):
        nodes.append(conv(name, nodes[-1].name, normal(4, 4, 1, 1)))
    graph = net(nodes, ["mean_image"])
    _, model = loaded(graph, tmp_path)
    assert {name for name, _ in model.named_children()}.isdisjoint(dir(torch.nn.Module()))
    model.half().float().train().eval()
    check(graph, tmp_path)


@given(st.text())
def test_identifiers(name: str) -> None:
    found = identifier(name, "layer")
    assert found.isidentifier()
    assert found.isascii()
    assert not found.startswith("_")
    assert not keyword.iskeyword(found)
    assert class_name(name).isidentifier()
    assert file_stem(name).isidentifier()


@given(st.text() | st.text(alphabet="\"'\\\n\r\f\x00a #{}"))
def test_texts_stay_where_they_are(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    line = f"a = b  # {mention(text)}: (1, 2)\n"
    kinds = [tokenize.tok_name[token.type] for token in tokenize.generate_tokens(io.StringIO(line).readline)]
    assert kinds == ["NAME", "OP", "NAME", "COMMENT", "NEWLINE", "ENDMARKER"]
    assert len(ast.parse(f'"""{plain(text)}.\n"""').body) == 1
    assert "\n" not in plain(text)


PROBED = """
class Net:
    def __init__(self):
        pass

    def forward(self, a):
        # NAME: (2, 3)
        return a  # NAME: (2,)
"""


@given(st.text(max_size=20))
def test_the_probe_reads_names_back(name: str) -> None:
    probe = Probe(PROBED.replace("NAME", mention(name)))
    assert probe.inputs == [name]
    noted = {}

    def note(noted_name: str, value: object) -> object:
        noted[noted_name] = value
        return value

    assert probe.compiled("net.py", {}, note)(None, 5) == 5
    assert noted == {name: 5}


def test_file_names_hide_no_module() -> None:
    stems = {"torch": "torch_net", "JSON": "json_net", "VGG-Face 16": "vgg_face_16", "class": "class_", "": "network"}
    assert {name: file_stem(name) for name in stems} == stems
    classes = {"VGG-Face 16": "VGGFace16", "class": "Class", "": "Network", "0": "Network0", "\xe9t\xe9": "Ete"}
    assert {name: class_name(name) for name in classes} == classes


def test_numbers_are_short_and_exact() -> None:
    assert number(float(np.float32(1e-5))) == "1e-05"
    assert number(0.1) == "0.1"
    assert number(1 / 3) == "0.3333333333333333"
    assert number(float("-inf")) == 'float("-inf")'
    assert [short(value) for value in (2.0, -1.0, 0.5, 1e30)] == ["2", "-1", "0.5", "1e+30"]
    assert code((np.int64(3), np.float32(0.5), True, None, "a")) == '(3, 0.5, True, None, "a")'
    values = np.random.default_rng(0).normal(size=100).astype(np.float32)
    assert [np.float32(ast.literal_eval(number(float(value)))) for value in values] == list(values)


def test_long_lines_are_folded() -> None:
    names = ", ".join(f"inception_{i}_output" for i in range(8))
    expression = f"torch.cat(({names}), 1)"
    lines = folded("x = ", expression, "", 8)
    assert max(map(len, lines)) <= WIDTH
    assert ast.dump(ast.parse("\n".join(lines).strip())) == ast.dump(ast.parse(f"x = {expression}"))
    for whole in (f"a * ({' + '.join(['b' * 20] * 8)})", f"f({'a' * 60}) + g({'b' * 60}, c)", f"{'a' * 130}[1]"):
        folds = "\n".join(folded("x = ", whole, "", 0))
        assert ast.dump(ast.parse(folds)) == ast.dump(ast.parse(f"x = {whole}"))
