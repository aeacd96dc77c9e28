"""Prototxt text: what parses to what, and what is said about what does not."""

import math
import os
from pathlib import Path
from typing import Any

import pytest

import cases
from converters.caffe.schema import enum_values, fields, is_enum
from converters.caffe.text import MAX_FILE_BYTES, parse, read_prototxt
from converters.caffe.tree import Message
from converters.errors import FormatError


def conv(settings: str) -> Message:
    net = parse(f"layer {{ convolution_param {{ {settings} }} }}", "net.prototxt")
    layer: Message = net.all("layer")[0]
    return layer.message("convolution_param")


def problems(text: str) -> list[str]:
    with pytest.raises(FormatError) as caught:
        parse(text, "net.prototxt")
    return caught.value.problems


def only_problem(text: str) -> str:
    (found,) = problems(text)
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [("64", 64), ("0", 0), ("0x1F", 31), ("0XfF", 255), ("010", 8), ("00", 0), ("4294967295", 2**32 - 1)],
)
def test_whole_numbers(text: str, value: int) -> None:
    assert conv(f"num_output: {text}").get("num_output") == value


@pytest.mark.parametrize(("text", "value"), [("-1", -1), ("- 2", -2), ("-0x10", -16), ("-2147483648", -(2**31))])
def test_negative_whole_numbers(text: str, value: int) -> None:
    assert conv(f"axis: {text}").get("axis") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("2.5e+2", 250.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1f", 1.0),
        ("1.5F", 1.5),
        (".5f", 0.5),
        ("1e3f", 1000.0),
        ("- 2.5", -2.5),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("1e999", math.inf),
        ("123456789012345678901234567890", 123456789012345678901234567890.0),
    ],
)
def test_decimal_numbers(text: str, value: float) -> None:
    layer = parse(f"layer {{ power_param {{ power: {text} }} }}", "net.prototxt").all("layer")[0]
    assert layer.message("power_param").get("power") == value


def test_nan() -> None:
    layer = parse("layer { power_param { power: nan scale: -nan } }", "net.prototxt").all("layer")[0]
    assert math.isnan(layer.message("power_param").get("power"))
    assert math.isnan(layer.message("power_param").get("scale"))


@pytest.mark.parametrize("text", ["08", "1.2.3", "1e", "0x", "64x", "3stride", "1_000", "0b1", "010.5", "1e+"])
def test_malformed_numbers(text: str) -> None:
    for name in ("num_output", "axis"):
        found = only_problem(f"layer {{\n convolution_param {{\n  {name}: {text} }} }}")
        assert found.startswith(f"net.prototxt:3: '{text}' is not a number")
    assert "octal" in only_problem("input_dim: 08")


@pytest.mark.parametrize(
    "text", ["-1", "4294967296", "1.0", "1e2", '"3"', "three", "true", "9" * 5000, "0x" + "f" * 200]
)
def test_what_a_count_refuses(text: str) -> None:
    found = only_problem(f"layer {{ convolution_param {{ num_output: {text} }} }}")
    assert found.startswith("net.prototxt:1: 'num_output' takes a whole number from 0 to 4294967295, not ")
    assert len(found) < 200


@pytest.mark.parametrize("text", ["0x10", "010", '"1"', "one", "-true"])
def test_what_a_decimal_number_refuses(text: str) -> None:
    assert "'power' takes a decimal number" in only_problem(f"layer {{ power_param {{ power: {text} }} }}")


@pytest.mark.parametrize("text", ["true", "True", "t", "1", "0x1", "01"])
def test_true(text: str) -> None:
    assert conv(f"bias_term: {text}").get("bias_term") is True


@pytest.mark.parametrize("text", ["false", "False", "f", "0", "0x0", "00"])
def test_false(text: str) -> None:
    assert conv(f"bias_term: {text}").get("bias_term") is False


@pytest.mark.parametrize("text", ["TRUE", "yes", "2", "-1", '"true"', "-true", "1.0"])
def test_what_a_boolean_refuses(text: str) -> None:
    found = only_problem(f"layer {{ convolution_param {{ bias_term: {text} }} }}")
    assert found.startswith(f"net.prototxt:1: 'bias_term' takes true or false, not {text}")


@pytest.mark.parametrize("text", ["CUDNN", "2", "0x2", "02"])
def test_enum_by_name_or_number(text: str) -> None:
    assert conv(f"engine: {text}").get("engine") == "CUDNN"


@pytest.mark.parametrize("text", ["3", "-1", '"CUDNN"', "-CUDNN", "99999999999999999999", "2.0"])
def test_what_an_enum_refuses(text: str) -> None:
    assert "takes one of DEFAULT, CAFFE, CUDNN, not" in only_problem(
        f"layer {{ convolution_param {{ engine: {text} }} }}"
    )


def test_unknown_enum_names_come_with_the_nearest() -> None:
    assert only_problem("layer { pooling_param { pool: AVG } }") == (
        "net.prototxt:1: 'pool' takes one of MAX, AVE, STOCHASTIC, not AVG; did you mean 'AVE'?"
    )
    assert only_problem("layers { type: CONVOLUTON }").endswith("did you mean 'CONVOLUTION'?")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a"', "a"),
        ("'a'", "a"),
        ('"it\'s"', "it's"),
        ("'say \"x\"'", 'say "x"'),
        ('"a" "b"\n \'c\'', "abc"),
        (r'"\x41\101\n\t\\\"\'\?"', "AA\n\t\\\"'?"),
        (r'"\x9"', "\t"),
        (r'"\346\227\245"', "日"),
        (r'"\u65e5\U0001F600"', "日😀"),
        (r'"\377"', "ÿ"),
        ('"日本"', "日本"),
        ('"# no comment"', "# no comment"),
        ('"two\nlines"', "two\nlines"),
        ('""', ""),
    ],
)
def test_strings(text: str, value: str) -> None:
    assert parse(f"name: {text}", "net.prototxt").get("name") == value


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (r'"\q"', r"'\q' is not an escape"),
        (r'"\x"', r"'\x' is not an escape"),
        (r'"\777"', r"'\777' is more than one byte"),
        (r'"\ud800"', "code point 0xd800 is not a Unicode character"),
        (r'"\UFFFFFFFF"', "code point 0xffffffff is not a Unicode character"),
    ],
)
def test_bad_escapes(text: str, part: str) -> None:
    found = only_problem(f"\nname: {text}")
    assert found.startswith("net.prototxt:2: ")
    assert part in found


@pytest.mark.parametrize(
    "text",
    [
        "input_shape { dim: 1 dim: 3 dim: 8 dim: 9 }",
        "input_shape { dim: [1, 3, 8, 9] }",
        "input_shape { dim: [1] dim: [3,8] dim: 9 dim: [] }",
        "input_shape: { dim: 1, dim: 3; dim: 8, dim: 9; },",
        "input_shape < dim: 1 dim: 3 dim: 8 dim: 9 >;",
        "input_shape: < dim: 1 dim: 3 dim: 8 dim: 9 >",
        "input_shape [ { dim: [1, 3, 8, 9] } ]",
        "input_shape: [ < dim: 1 dim: [3, 8, 9] > ]",
        "# comment\ninput_shape{dim:1dim:3 dim:0x8 dim:011}#end".replace("1dim", "1 dim"),
        "input_shape # comment { } :\n : { dim: 1 # one\n dim: 3 dim: 8 dim: 9 }",
    ],
)
def test_forms_of_one_message(text: str) -> None:
    (shape,) = parse(text, "net.prototxt").all("input_shape")
    assert shape.all("dim") == [1, 3, 8, 9]


def test_fields_are_separated_once() -> None:
    assert "a field name is expected, not ';'" in only_problem('name: "a";;')


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name 'a'", "':' is missing between 'name' and its value"),
        ("input_dim [1]", "':' is missing between 'input_dim' and its value"),
        ("name: { }", "'name' takes a string in quotes, not a block in braces"),
        ("name: [ 'a' ]", "'name' takes one value, not a list"),
        ("layer: 3", "'layer' takes a block in braces, not 3"),
        ("layer: 'x'", "'layer' takes a block in braces, not \"x\""),
        ("name: }", "a value is expected behind 'name', not '}'"),
        ("input_dim: +5", "a value is expected behind 'input_dim', not '+'"),
        ("name:", "a value is expected behind 'name', not the end of the file"),
        ("input_dim: [1, ]", "a value is expected behind 'input_dim', not ']'"),
        ("input_dim: [1 2]", "',' or ']' is missing in the list of 'input_dim'"),
        ("[caffe.extra]: 1", "extensions in brackets are not part of Caffe's format"),
        ("\x01", "a field name is expected, not '\\x01'"),
        ("\xa0name: 'a'", "a field name is expected, not '\\xa0'"),
        ("name: \u201ca\u201d", "a value is expected behind 'name', not '\u201c'"),
        ("input_dim: 'a\x1b\n'", 'from -2147483648 to 2147483647, not "a\\x1b\\n"'),
        ("// comment", "comments begin with '#', not with '/'"),
        ("layer { name: 'x' >", "a field name is expected, not '>'"),
    ],
)
def test_broken_syntax(text: str, part: str) -> None:
    found = problems(text)
    assert any(part in problem for problem in found), found
    assert all(problem.startswith("net.prototxt:1: ") for problem in found)


def test_a_missing_colon_is_no_end() -> None:
    found = problems("name 'a'\nlayer {\n nam: 'x' }")
    assert [problem.split(": ")[0] for problem in found] == ["net.prototxt:1", "net.prototxt:3"]


def test_repeated_single_fields_are_refused_with_both_lines() -> None:
    assert only_problem("name: 'a'\n\nname: 'b'") == (
        "net.prototxt:3: 'name' is given twice; it stands on line 1 already, keep one"
    )
    text = "layer {\n convolution_param { }\n convolution_param { pad: 1 }\n}"
    assert only_problem(text).startswith("net.prototxt:3: 'convolution_param' is given twice")


def test_all_problems_come_at_once() -> None:
    text = """
    name: "net"
    layer {
      name: "conv1"
      convolution_param {
        kernal_size: 3
        num_output: many
      }
      include { phase: TESTING }
    }
    extra { a: 1 b { c: [1, 2] d < > } e: "x" }
    layer { bottm: "data" }
    """
    assert [problem.partition(": ")[2] for problem in problems(text)] == [
        "unknown field 'kernal_size' in ConvolutionParameter; did you mean 'kernel_size'?",
        "'num_output' takes a whole number from 0 to 4294967295, not many",
        "'phase' takes one of TRAIN, TEST, not TESTING; did you mean 'TEST'?",
        "unknown field 'extra' in NetParameter",
        "unknown field 'bottm' in LayerParameter; did you mean 'bottom'?",
    ]
    assert [problem.split(":")[1] for problem in problems(text)] == ["6", "7", "9", "11", "12"]


def test_many_problems_are_counted() -> None:
    found = problems("nam: 1\n" * 300)
    assert len(found) == 51
    assert found[-1] == "net.prototxt: ... and 250 more problems"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("layer { kernel_size: 3 }", "it belongs inside convolution_param { } or pooling_param { }"),
        ("layer { num_output: 3 }", "it belongs inside convolution_param { } or inner_product_param { } or "),
        ("layer { mean_file: 'm' }", "it belongs inside transform_param { }"),
        ("bottom: 'x'", "it belongs inside a layer { } block: is a brace closed too early?"),
        ("base_lr: 0.1", "belongs to a solver file; give the network definition that its 'net:' names"),
        ("layer { type: CONVOLUTION }", "needs the block to be called 'layers', not 'layer'"),
        ('layers { type: "Convolution" }', "need the block to be called 'layer', not 'layers'"),
        ("layer { convolution_param { num_output: '3' } }", "leave out the quotes"),
    ],
)
def test_hints(text: str, part: str) -> None:
    assert part in problems(text)[0]


def test_unclosed_and_unopened_blocks() -> None:
    assert only_problem("name: 'a'\nlayer {\n name: 'b'\n") == (
        "net.prototxt:2: the block 'layer' that opens here is never closed with '}'"
    )
    assert problems("\nunknown <\n a { }")[-1].startswith("net.prototxt:2: the block that opens here is never closed")
    assert "'}' closes a block that was never opened" in only_problem("layer { }\n}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('layer {\n name: "conv1\n type: "Convolution"\n bottom: "data"\n}', 2),
        ('layer {\n name: "conv1"\n type: "Convolution\n bottom: "data"\n}', 3),
        ('layer {\n name: "conv1\n}', 2),
        ("name: 'net\nlayer { }", 1),
    ],
)
def test_a_missing_quote_is_found_where_it_is(text: str, line: int) -> None:
    found = [problem for problem in problems(text) if "closing quote" in problem]
    assert [problem.split(": ")[0] for problem in found] == [f"net.prototxt:{line}"]


def test_a_string_over_two_lines_is_not_blamed_for_another_fault() -> None:
    text = 'layer { python_param { param_str: "{\n}" } }\n\nlayer { nam: 1 }\nlayer { name: }'
    assert not [problem for problem in problems(text) if "quote" in problem]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "layer{" * 100_000,
        "foo{" * 100_000,
        "foo:[" * 100_000,
        "foo<" * 100 + ">" * 100,
        '"' + '\\"' * 500_000,
        "foo { " + '\\"' * 200_000,
        "#" * 1_000_000 + "\n}",
        "1" * 1_000_000,
        "a" * 1_000_000,
        "-" * 200_000,
        "name: " + '"" ' * 200_000 + ";;",
        "input_dim: [" + "1," * 200_000,
        "\n" * 1_000_000 + "}",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_texts_are_refused_in_bounded_time(text: str) -> None:
    assert all(len(problem) < 300 for problem in problems(text))


def test_nesting_is_bounded_for_unknown_fields() -> None:
    assert "nested more than 100 deep" in problems("foo" + "{a" * 101)[-1]
    assert len(problems("foo" + "{a" * 99 + "}" * 99)) == 1


def test_values_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("converters.caffe.text.MAX_VALUES", 1000)
    assert "more than 1000 values" in only_problem("input_dim: 1 " * 1001)
    assert len(parse("input_dim: 1 " * 1000, "net.prototxt").all("input_dim")) == 1000


def test_asking_a_message() -> None:
    net = parse('name: "n"\nlayer {\n name: "c"\n convolution_param {\n pad: 1\n pad: 2 }\n}', "net.prototxt")
    (layer,) = net.all("layer")
    settings = layer.message("convolution_param")
    assert (net.get("name"), layer.get("type"), settings.get("group"), settings.get("engine")) == (
        "n",
        "",
        1,
        "DEFAULT",
    )
    assert settings.all("pad") == [1, 2]
    assert settings.items("pad") == [(1, 5), (2, 6)]
    assert (settings.has("pad"), settings.has("stride"), settings.names()) == (True, False, ["pad"])
    assert (settings.where("pad"), settings.where("stride"), layer.where()) == (
        "net.prototxt:5",
        "net.prototxt:4",
        "net.prototxt:2",
    )
    absent = layer.message("pooling_param")
    assert (absent.kind, absent.get("stride"), absent.where()) == ("PoolingParameter", 1, "net.prototxt:2")


def test_what_nobody_asked_for() -> None:
    text = """layer { name: "c" param { lr_mult: 1 name: "w" }
      convolution_param { pad: 1 group: 2 engine: CAFFE weight_filler { type: "xavier" std: 2 } }
      pooling_param { pool: AVE } }"""
    layer = parse(text, "net.prototxt").all("layer")[0]
    layer.get("name")
    layer.all("param")
    settings = layer.message("convolution_param")
    settings.all("pad")
    settings.message("weight_filler").get("type")
    assert list(layer.unread()) == [
        ("param.name", 1),
        ("convolution_param.group", 2),
        ("convolution_param.weight_filler.std", 2),
        ("pooling_param", 3),
    ]


@pytest.mark.parametrize("name", cases.caffe_cases())
def test_every_case_parses(name: str) -> None:
    net = read_prototxt(cases.caffe_case(name).prototxt)
    assert net.has("layer") or net.has("layers")


def write(folder: Path, data: bytes) -> Path:
    path = folder / "net.prototxt"
    path.write_bytes(data)
    return path


def test_a_byte_order_mark_and_other_encodings(tmp_path: Path) -> None:
    assert read_prototxt(write(tmp_path, b'\xef\xbb\xbfname: "a"')).get("name") == "a"
    assert read_prototxt(write(tmp_path, 'name: "日本"'.encode())).get("name") == "日本"
    assert read_prototxt(write(tmp_path, b'name: "a" # caf\xe9')).get("name") == "a"
    assert read_prototxt(write(tmp_path, b'# <html>, bzh\nname: "a"')).get("name") == "a"
    assert read_prototxt(write(tmp_path, b'name: "a"\r\nlayer {\r\n}\r\n')).all("layer")[0].line == 2


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "is empty"),
        ('name: "a"'.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (
            b"\n\x03net\xa2\x06\x00",
            "is a binary file, a prototxt is expected; is it the caffemodel? The prototxt comes first",
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "is a git-lfs pointer"),
        (b"\n\n<!DOCTYPE html><html>", "is a web page; the download did not give the file itself"),
        (b"\x1f\x8b\x08", "is a gzip archive; unpack it first; a prototxt is expected"),
        (b" " * (MAX_FILE_BYTES + 1), f"is {MAX_FILE_BYTES + 1} bytes long, a prototxt at most {MAX_FILE_BYTES}"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_files_that_are_no_prototxt(tmp_path: Path, data: bytes, part: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(FormatError) as caught:
        read_prototxt(path)
    assert str(caught.value).startswith(f"{path}: {part}")
    assert "\n" not in str(caught.value)


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, part in [
        (tmp_path, "is a directory"),
        (tmp_path / "absent", "cannot be read: No such file or directory"),
        (tmp_path / "pipe", "is not a plain file"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
        (tmp_path / "a\0b", "cannot be read: "),
    ]:
        with pytest.raises(FormatError, match=part):
            read_prototxt(path)


def test_a_file_without_read_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, b'name: "a"')

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(FormatError, match="cannot be read: Permission denied"):
        read_prototxt(path)


def test_every_field_of_the_schema_is_well_formed() -> None:
    kinds = {"NetParameter"}
    waiting = ["NetParameter"]
    while waiting:
        for field in fields(waiting.pop()).values():
            if field.is_message and field.kind not in kinds:
                kinds.add(field.kind)
                waiting.append(field.kind)
            check_default(field.kind, field.default, is_message=field.is_message)
    assert len(kinds) > 90


def check_default(kind: str, default: Any, *, is_message: bool) -> None:
    types = {"bool": bool, "string": str, "float": float, "double": float, "int32": int, "uint32": int, "int64": int}
    if is_message:
        assert default is None
    elif is_enum(kind):
        assert default in enum_values(kind)
    else:
        assert type(default) is types[kind]
