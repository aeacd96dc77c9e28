"""From message tree to layers: upgrades of V0 and V1, old inputs, rules; held to what Caffe made of every case."""

from typing import Any

import pytest

import cases
from converters.caffe.layer_types import V0_TYPES, V1_TYPES
from converters.caffe.net import Layer, Net, NetState, resolve
from converters.caffe.schema import enum_values
from converters.caffe.text import parse, read_prototxt
from converters.caffe.tree import Message
from converters.errors import FormatError


def net(text: str, state: NetState | None = None) -> Net:
    return resolve(parse(text, "net.prototxt"), state)


def names(text: str, state: NetState | None = None) -> list[str]:
    return [layer.name for layer in net(text, state).layers]


def problems(text: str) -> list[str]:
    with pytest.raises(FormatError) as caught:
        net(text)
    assert all(problem.startswith("net.prototxt:") for problem in caught.value.problems)
    return [problem.removeprefix("net.prototxt:") for problem in caught.value.problems]


def plain(message: Message) -> dict[str, Any]:
    """Turn a message into plain values, without lines."""
    return {
        name: [plain(value) if isinstance(value, Message) else value for value in message.all(name)]
        for name in message.names()
    }


def settings(layer: Layer) -> dict[str, Any]:
    """Return everything a V2 layer says, except what every layer has."""
    return {
        name: value for name, value in plain(layer.message).items() if name not in ("name", "type", "bottom", "top")
    }


@pytest.mark.parametrize("name", cases.caffe_cases())
def test_every_case_has_the_layers_that_caffe_built(name: str) -> None:
    case = cases.caffe_case(name)
    found = resolve(read_prototxt(case.prototxt), NetState(stages=case.stages)).layers
    written = [row for row in case.info["layers"] if not is_automatic_split(row)]
    assert [(layer.name, layer.type) for layer in found] == [(row[0], row[1]) for row in written]
    for layer, (_, _, bottoms, tops, _) in zip(found, written, strict=True):
        assert layer.tops == tuple(tops)
        assert len(layer.bottoms) == len(bottoms)
        assert all(got == wanted or "_split_" in wanted for got, wanted in zip(layer.bottoms, bottoms, strict=True))


def is_automatic_split(row: list[Any]) -> bool:
    return row[1] == "Split" and row[0].endswith("_split")


def test_layers_know_their_place() -> None:
    (layer,) = net('\nlayer { name: "a" type: "ReLU"\n bottom: "x" top: "y" relu_param { negative_slope: 0.5 }\n'
                   ' param { name: "w" share_mode: PERMISSIVE } }').layers  # fmt: skip
    assert (layer.bottoms, layer.tops, layer.where) == (("x",), ("y",), "net.prototxt:2: layer 'a'")
    assert layer.param("relu_param").get("negative_slope") == 0.5
    assert layer.param("power_param").get("scale") == 1
    assert [(spec.get("name"), spec.get("share_mode")) for spec in layer.params] == [("w", "PERMISSIVE")]


V1_TEXT = """
layers {
  name: "c" type: CONVOLUTION bottom: "x" top: "c"
  blobs_lr: 1 blobs_lr: 2 weight_decay: 1 param: "w" param: "b" blob_share_mode: PERMISSIVE loss_weight: 3
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } }
  include { stage: "s" } exclude { }
}
"""

V2_TEXT = """
layer {
  name: "c" type: "Convolution" bottom: "x" top: "c"
  param { name: "w" share_mode: PERMISSIVE lr_mult: 1 decay_mult: 1 } param { name: "b" lr_mult: 2 } loss_weight: 3
  convolution_param { num_output: 2 kernel_size: 3 weight_filler { type: "xavier" } }
  include { stage: "s" } exclude { }
}
"""


def test_v1_layers_become_v2() -> None:
    old, new = (text.replace("exclude { }", "") for text in (V1_TEXT, V2_TEXT))
    state = NetState(stages=("s",))
    (from_old,), (from_new,) = net(old, state).layers, net(new, state).layers
    assert plain(from_old.message) == plain(from_new.message)
    assert (from_old.message.line, from_old.message.line_of("convolution_param")) == (2, 5)
    assert problems(V1_TEXT) == problems(V2_TEXT)


def test_every_v1_type_has_its_v2_name() -> None:
    assert set(V1_TYPES) == set(enum_values("LayerType"))
    for old, new in V1_TYPES.items():
        if new:
            assert net(f"layers {{ type: {old} }}").layers[0].type == new
    assert set(V0_TYPES.values()) <= set(V1_TYPES.values())


@pytest.mark.parametrize("block", ["data", "image_data", "window_data"])
def test_v1_data_layers_hand_over_their_transformation(block: str) -> None:
    text = f"""layers {{ name: "d" type: {block.upper()} top: "x"
      transform_param {{ scale: 9 mean_value: 3 }}
      {block}_param {{ source: "s" batch_size: 2 scale: 0.5 mean_file: "m" crop_size: 7 mirror: true }} }}"""
    assert settings(net(text).layers[0]) == {
        "transform_param": [
            {"mean_value": [3], "scale": [0.5], "mean_file": ["m"], "crop_size": [7], "mirror": [True]}
        ],
        f"{block}_param": [{"source": ["s"], "batch_size": [2]}],
    }


def test_v2_data_layers_hand_over_nothing() -> None:
    text = 'layer { name: "d" type: "Data" data_param { source: "s" scale: 0.5 } }'
    assert settings(net(text).layers[0]) == {"data_param": [{"source": ["s"], "scale": [0.5]}]}


def v0(layers: str, inputs: str = 'input: "x" input_dim: [1, 3, 8, 9]') -> str:
    return f"{inputs}\n{layers}"


V0_SETTINGS = {
    """type: "conv" num_output: 4 biasterm: false weight_filler { type: "gaussian" std: 0.1 } bias_filler { }
    pad: 1 kernelsize: 3 group: 2 stride: 2 blobs_lr: 1 blobs_lr: 2 weight_decay: 0""": """
    convolution_param { num_output: 4 bias_term: false weight_filler { type: "gaussian" std: 0.1 } bias_filler { }
      pad: 1 kernel_size: 3 group: 2 stride: 2 } param { lr_mult: 1 decay_mult: 0 } param { lr_mult: 2 }""",
    'type: "innerproduct" num_output: 4 biasterm: true weight_filler { } bias_filler { value: 1 }': """
    inner_product_param { num_output: 4 bias_term: true weight_filler { } bias_filler { value: 1 } }""",
    'type: "pool" pool: AVE kernelsize: 3 stride: 2 pad: 1': """
    pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }""",
    'type: "lrn" local_size: 3 alpha: 0.1 beta: 0.5 k: 2': """
    lrn_param { local_size: 3 alpha: 0.1 beta: 0.5 k: 2 }""",
    'type: "dropout" dropout_ratio: 0.3': "dropout_param { dropout_ratio: 0.3 }",
    'type: "concat" concat_dim: 0': "concat_param { concat_dim: 0 }",
    'type: "relu"': "",
    'type: "data" source: "s" batchsize: 2 scale: 0.5 meanfile: "m" cropsize: 7 mirror: true rand_skip: 3': """
    data_param { source: "s" batch_size: 2 rand_skip: 3 }
    transform_param { scale: 0.5 mean_file: "m" crop_size: 7 mirror: true }""",
    'type: "images" source: "s" batchsize: 2 new_height: 5 new_width: 6 shuffle_images: true': """
    image_data_param { source: "s" batch_size: 2 new_height: 5 new_width: 6 shuffle: true }""",
    """type: "window_data" source: "s" det_fg_threshold: 0.1 det_bg_threshold: 0.2 det_fg_fraction: 0.3
    det_context_pad: 4 det_crop_mode: "square" """: """
    window_data_param { source: "s" fg_threshold: 0.1 bg_threshold: 0.2 fg_fraction: 0.3
      context_pad: 4 crop_mode: "square" }""",
    'type: "hdf5_data" source: "s" batchsize: 2': "hdf5_data_param { source: 's' batch_size: 2 }",
    'type: "hdf5_output" hdf5_output_param { file_name: "f" }': "hdf5_output_param { file_name: 'f' }",
    'type: "infogain_loss" source: "s"': "infogain_loss_param { source: 's' }",
}


@pytest.mark.parametrize(("old", "new"), V0_SETTINGS.items())
def test_v0_settings_become_v2(old: str, new: str) -> None:
    from_old = net(v0(f'layers {{ layer {{ name: "a" {old} }} bottom: "x" top: "y" }}'))
    from_new = net(f'layer {{ name: "a" type: "X" bottom: "x" top: "y" {new} }}')
    layer = from_old.layers[1]
    assert (layer.name, layer.bottoms, layer.tops, from_old.warnings) == ("a", ("x",), ("y",), [])
    assert settings(layer) == settings(from_new.layers[0])


def test_every_v0_type_has_its_v2_name() -> None:
    for old, new in V0_TYPES.items():
        assert net(f'layers {{ layer {{ type: "{old}" }} }}').layers[0].type == new


def test_v0_padding_melts_into_its_readers() -> None:
    text = v0("""
    layers { layer { name: "pad" type: "padding" pad: 2 } bottom: "x" top: "p" }
    layers { layer { name: "c" type: "conv" num_output: 1 kernelsize: 3 pad: 1 } bottom: "p" top: "c" }
    layers { layer { name: "m" type: "pool" kernelsize: 3 } bottom: "p" top: "m" }
    layers { layer { name: "r" type: "relu" } bottom: "c" top: "c" }
    """)
    found = net(text)
    assert [layer.name for layer in found.layers] == ["input", "c", "m", "r"]
    conv, pool = found.layers[1:3]
    assert (conv.bottoms, pool.bottoms) == (("x",), ("x",))
    assert (conv.param("convolution_param").all("pad"), pool.param("pooling_param").get("pad")) == ([2], 2)
    assert conv.param("convolution_param").line_of("pad") == 3


@pytest.mark.parametrize(
    ("layers", "found"),
    [
        (
            'layers { layer { name: "a" type: "relu" } bottom: "p" }',
            ["2: a 'relu' layer with 1 bottoms reads the padding layer of line 2"],
        ),
        (
            'layers { layer { name: "a" type: "conv" } bottom: "p" bottom: "x" }',
            ["2: a 'conv' layer with 2 bottoms reads the padding layer of line 2"],
        ),
        (
            'layers { layer { name: "a" type: "padding" } bottom: "p" top: "q" }',
            ["2: a 'padding' layer with 1 bottoms reads the padding layer of line 2"],
        ),
    ],
)
def test_v0_padding_that_cannot_melt(layers: str, found: list[str]) -> None:
    text = 'layers { layer { name: "pad" type: "padding" pad: 2 } bottom: "x" top: "p" } ' + layers
    assert [problem.partition(";")[0] for problem in problems(v0(text))] == found


def test_v0_padding_takes_one_bottom_and_one_top() -> None:
    text = """layers { layer { type: "padding" pad: 2 } bottom: "x" top: "p" top: "q" }
    layers { layer { name: "a" type: "conv" } bottom: "p" }"""
    assert problems(v0(text)) == ["2: a padding layer takes one bottom and one top"]


def test_v0_problems_come_at_once() -> None:
    text = v0("""
    layers { layer { name: "a" type: "konv" } bottom: "y" }
    layers { name: "b" type: RELU bottom: "x" }
    layers { layer { name: "c" type: "relu" } bottom: "x" convolution_param { } include { } }
    layers { layer { name: "d" } bottom: "x" }
    """)
    assert [problem.split(";")[0] for problem in problems(text)] == [
        "4: this block has no inner 'layer { }' as the file's other blocks have",
        "5: 'convolution_param' stands outside the inner 'layer { }', where Caffe ignores it",
        "5: 'include' stands outside the inner 'layer { }', where Caffe ignores it",
        "3: unknown bottom 'y'",
        "3: unknown V0 layer type 'konv'",
        "6: layer 'd' has no type",
    ]


def test_v0_settings_without_meaning_are_named() -> None:
    found = net(v0('layers { layer { name: "a" type: "relu" kernelsize: 3 new_num: 1 } bottom: "x" top: "y" }'))
    assert found.warnings == [
        "net.prototxt:2: 'kernelsize' means nothing in a V0 layer of type 'relu'; Caffe ignores it",
        "net.prototxt:2: 'new_num' means nothing in a V0 layer of type 'relu'; Caffe ignores it",
    ]


def test_layer_and_layers_do_not_mix() -> None:
    (problem,) = problems('layer { name: "a" type: "ReLU" }\nlayers { name: "b" type: RELU }')
    assert problem.startswith("2: the file has both 'layers' (old format, types like CONVOLUTION) and 'layer' (line 1")
    assert "Caffe refuses such a file" in problem


def test_layers_without_a_type() -> None:
    assert problems('layer { name: "a" }\nlayer { type: "ReLU" }\nlayer { }') == [
        "1: layer 'a' has no type",
        "3: layer '' has no type",
    ]
    assert problems('layers { name: "a" }\nlayers { name: "b" type: NONE }') == [
        "1: layer 'a' has no type",
        "2: layer 'b' has no type",
    ]


def input_layer(text: str) -> tuple[tuple[str, ...], list[list[int]]]:
    layer = net(text).layers[0]
    assert (layer.name, layer.type, layer.bottoms) == ("input", "Input", ())
    return layer.tops, [shape.all("dim") for shape in layer.param("input_param").all("shape")]


@pytest.mark.parametrize(
    ("text", "tops", "shapes"),
    [
        ('input: "a" input_dim: [1, 3, 8, 9]', ("a",), [[1, 3, 8, 9]]),
        ('input: "a" input: "b" input_dim: [1, 3, 8, 9, 2, 1, 4, 5]', ("a", "b"), [[1, 3, 8, 9], [2, 1, 4, 5]]),
        ('input: "a" input_shape { dim: [2, 7] } input: "b" input_shape { dim: 5 }', ("a", "b"), [[2, 7], [5]]),
        ('input_dim: 1 input_dim: 3 input: "a" input_dim: 8 input_dim: 9', ("a",), [[1, 3, 8, 9]]),
        ('input: "a" input_shape { }', ("a",), [[]]),
        ('input: "a"', ("a",), []),
    ],
)
def test_old_inputs_become_an_input_layer(text: str, tops: tuple[str, ...], shapes: list[list[int]]) -> None:
    assert input_layer(f'layer {{ name: "r" type: "ReLU" bottom: "a" }} {text}') == (tops, shapes)


def test_old_inputs_that_do_not_fit() -> None:
    assert problems('input: "a"\ninput_dim: [1, 3, 8]')[0].startswith(
        "2: 3 'input_dim' for 1 'input'; each input takes four"
    )
    assert problems('input: "a" input: "b"\ninput_shape { dim: 1 }') == ["2: 1 'input_shape' for 2 'input'"]


def test_sizes_that_caffe_ignores_are_named() -> None:
    both = net('input: "a" input_shape { dim: [2, 7] }\ninput_dim: 1 layer { type: "ReLU" }')
    assert both.warnings == ["net.prototxt:2: 'input_dim' is ignored, 'input_shape' counts"]
    assert both.layers[0].param("input_param").all("shape")[0].all("dim") == [2, 7]
    neither = net('\ninput_dim: 1 layer { type: "ReLU" }')
    assert neither.warnings == ["net.prototxt:2: sizes without 'input:' are ignored"]
    assert len(neither.layers) == 1


RULES = """
layer { name: "always" type: "X" }
layer { name: "train" type: "X" include { phase: TRAIN } }
layer { name: "test" type: "X" include { phase: TEST } }
layer { name: "not train" type: "X" exclude { phase: TRAIN } }
layer { name: "not test" type: "X" exclude { phase: TEST } }
layer { name: "a" type: "X" include { stage: "a" } }
layer { name: "a and b" type: "X" include { stage: "a" stage: "b" } }
layer { name: "a or b" type: "X" include { stage: "a" } include { stage: "b" } }
layer { name: "no a" type: "X" include { not_stage: "a" } }
layer { name: "no a, no b" type: "X" include { not_stage: "a" not_stage: "b" } }
layer { name: "but a" type: "X" exclude { stage: "a" } }
layer { name: "but a or b" type: "X" exclude { stage: "a" } exclude { stage: "b" } }
layer { name: "1 up" type: "X" include { min_level: 1 } }
layer { name: "up to 1" type: "X" include { max_level: 1 } }
layer { name: "1 to 2 in a" type: "X" include { min_level: 1 max_level: 2 stage: "a" phase: TEST } }
layer { name: "any rule" type: "X" include { } }
layer { name: "no rule" type: "X" exclude { } }
"""


@pytest.mark.parametrize(
    ("state", "chosen"),
    [
        (NetState(), "always|test|not train|no a|no a, no b|but a|but a or b|up to 1|any rule"),
        (NetState("TRAIN"), "always|train|not test|no a|no a, no b|but a|but a or b|up to 1|any rule"),
        (NetState(stages=("a",)), "always|test|not train|a|a or b|up to 1|any rule"),
        (NetState(stages=("b",)), "always|test|not train|a or b|no a|but a|up to 1|any rule"),
        (NetState(stages=("a", "b")), "always|test|not train|a|a and b|a or b|up to 1|any rule"),
        (NetState(level=1, stages=("a",)), "always|test|not train|a|a or b|1 up|up to 1|1 to 2 in a|any rule"),
        (NetState("TRAIN", 2, ("a",)), "always|train|not test|a|a or b|1 up|any rule"),
        (NetState(level=-1), "always|test|not train|no a|no a, no b|but a|but a or b|up to 1|any rule"),
    ],
)
def test_rules(state: NetState, chosen: str) -> None:
    assert names(RULES, state) == chosen.split("|")


def test_the_files_own_state() -> None:
    own = 'state { stage: "a" stage: "b" }' + RULES
    assert names(own) == names(RULES, NetState(stages=("a", "b")))
    assert names('state { stage: "a" }' + RULES, NetState(stages=("b",))) == names(own)
    found = net("state { phase: TRAIN level: 2 }" + RULES)
    assert [layer.name for layer in found.layers] == names(RULES)
    assert found.warnings == [
        "net.prototxt:1: state { phase } gives way to the chosen phase TEST",
        "net.prototxt:1: state { level } gives way to the chosen level 0",
    ]


def test_include_and_exclude_together() -> None:
    text = 'layer { name: "a" type: "X"\n include { phase: TEST } exclude { stage: "b" } }'
    assert problems(text) == ["2: layer 'a' has both include and exclude rules; Caffe allows one kind"]


def test_rules_and_wiring_are_not_left_unread() -> None:
    text = """layer { name: "a" type: "X" bottom: "b" top: "c" phase: TEST
      include { phase: TRAIN stage: "s" } include { phase: TEST min_level: 0 max_level: 3 not_stage: "t" } }"""
    (layer,) = net(text).layers
    assert [name for name, _ in layer.message.unread()] == ["phase"]


def test_the_name_of_the_net() -> None:
    assert net('name: "VGG" layer { type: "X" }').name == "VGG"
    assert net('layer { type: "X" }').name == ""
