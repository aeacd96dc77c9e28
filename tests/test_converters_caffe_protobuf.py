"""The prototxt parser against protobuf's own: what protobuf prints for any message, and what both make of odd texts."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.caffe.schema import Field, enum_values, fields, is_enum
from converters.caffe.text import parse
from converters.caffe.tree import Message
from converters.errors import FormatError

protobuf = pytest.importorskip("google.protobuf")
descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
descriptor_pool = pytest.importorskip("google.protobuf.descriptor_pool")
message_factory = pytest.importorskip("google.protobuf.message_factory")
text_format = pytest.importorskip("google.protobuf.text_format")

SCALARS = {"int32": 5, "uint32": 13, "int64": 3, "float": 2, "double": 1, "bool": 8, "string": 9}
ENUM, MESSAGE, OPTIONAL, REPEATED = 14, 11, 1, 3


@cache
def net_class() -> Any:
    """Build protobuf's class for NetParameter out of our schema."""
    file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
    waiting, known = ["NetParameter"], {"NetParameter"}
    while waiting:
        kind = waiting.pop()
        described = file.message_type.add(name=kind)
        for number, field in enumerate(fields(kind).values(), 1):
            describe(described.field.add(name=field.name, number=number), field)
            if is_enum(field.kind) and field.kind not in known:
                describe_enum(file.message_type.add(name=f"{field.kind}Scope"), field.kind)
            elif field.is_message and field.kind not in known:
                waiting.append(field.kind)
            known.add(field.kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("caffe.NetParameter"))


def describe(described: Any, field: Field) -> None:
    described.label = REPEATED if field.repeated else OPTIONAL
    if field.is_message:
        described.type, described.type_name = MESSAGE, f".caffe.{field.kind}"
    elif is_enum(field.kind):
        described.type, described.type_name = ENUM, f".caffe.{field.kind}Scope.Value"
    else:
        described.type = SCALARS[field.kind]


def describe_enum(scope: Any, kind: str) -> None:
    described = scope.enum_type.add(name="Value")
    for name, number in enum_values(kind).items():
        described.value.add(name=name, number=number)


def same(ours: Message, theirs: Any) -> bool:
    """Compare a message of ours with one of protobuf's, field by field."""
    listed = {descriptor.name: (descriptor, value) for descriptor, value in theirs.ListFields()}
    return set(ours.names()) == set(listed) and all(
        same_values(ours, name, descriptor, value) for name, (descriptor, value) in listed.items()
    )


def same_values(ours: Message, name: str, descriptor: Any, value: Any) -> bool:
    field = fields(ours.kind)[name]
    expected = list(value) if field.repeated else [value]
    found = ours.all(name)
    if field.is_message:
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(same(left, right) for left, right in pairs)
    if is_enum(field.kind):
        return found == [descriptor.enum_type.values_by_number[number].name for number in expected]
    return len(found) == len(expected) and all(map(same_scalar, found, expected, [field.kind] * len(found)))


def same_scalar(ours: Any, theirs: Any, kind: str) -> bool:
    both_nan = ours != ours and theirs != theirs  # noqa: PLR0124  only NaN differs from itself
    if kind == "float":
        return both_nan or theirs == pytest.approx(ours, rel=1e-6, abs=1e-37)
    return both_nan or (type(ours) is type(theirs) and ours == theirs)


SCALAR_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "string": st.text(st.characters(codec="utf-8"), max_size=8),
    "float": st.floats(width=32, allow_subnormal=False),
    "double": st.floats(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
}


def fill(data: st.DataObject, kind: str, message: Any, depth: int) -> None:
    """Set a few fields of a protobuf message."""
    known = [field for field in fields(kind).values() if depth or not field.is_message]
    for field in (
        data.draw(st.lists(st.sampled_from(known), max_size=5, unique_by=lambda field: field.name)) if known else []
    ):
        for _ in range(data.draw(st.integers(1, 2)) if field.repeated else 1):
            set_field(data, message, field, depth)


def set_field(data: st.DataObject, message: Any, field: Field, depth: int) -> None:
    if field.is_message:
        nested = getattr(message, field.name)
        inner = nested.add() if field.repeated else nested
        inner.SetInParent()
        fill(data, field.kind, inner, depth - 1)
        return
    numbers = st.sampled_from([*enum_values(field.kind).values()]) if is_enum(field.kind) else SCALAR_VALUES[field.kind]
    value = data.draw(numbers)
    if field.repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


@given(st.data(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_we_read_what_protobuf_prints(data: st.DataObject, line: bool, utf8: bool, short: bool, angles: bool) -> None:
    message = net_class()()
    fill(data, "NetParameter", message, 4)
    text = text_format.MessageToString(
        message, as_one_line=line, as_utf8=utf8, use_short_repeated_primitives=short, pointy_brackets=angles
    )
    assert same(parse(text, "net.prototxt"), message)


WORDS = r"""
{ } < > [ ] : ; , - # name input input_dim layer layers type bottom convolution_param pad num_output bias_term engine
pooling_param pool power_param power include phase TEST TRAIN MAX CONVOLUTION CUDNN true false True f t 0 1 2 -1 010
0x1f 08 1e3 .5 5. 1f 1.5F inf -inf nan INF 4294967295 4294967296 "a" 'b' "\x41\101" 1.0 foo
"""
BLOCKS = """
layer{%s} layers{%s} convolution_param{%s} include{phase:%s} input_dim:%s input_dim:[%s] name:%s bias_term:%s
num_output:%s power_param{power:%s} engine:%s pad:%s pool:%s type:%s
"""


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw words that are a prototxt now and then."""
    words = draw(st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=3))
    for block in draw(st.lists(st.sampled_from(BLOCKS.split()), max_size=4)):
        words = [block.replace("%s", " ".join(words))]
    return " ".join(words)


@given(texts())
def test_we_accept_and_refuse_as_protobuf_does(text: str) -> None:
    message = net_class()()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError:
        with pytest.raises(FormatError):
            parse(text, "net.prototxt")
        return
    assert same(parse(text, "net.prototxt"), message)
