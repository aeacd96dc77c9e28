"""What Caffe's prototxt files may say: the messages, their fields with types and defaults, and the enums.

The facts are tables of text (`caffe/messages.py` and its two neighbours); here they become `MessageType` and `Field`,
one message at a time and on first use.
"""

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from converters.caffe.layer_messages import LAYER_MESSAGES
from converters.caffe.messages import ENUMS, MESSAGES
from converters.caffe.training_messages import TRAINING_MESSAGES

Scalar = bool | int | float | str

INTEGER_RANGES: dict[str, tuple[int, int]] = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}
FLOATS = ("float", "double")
IMPLICIT_DEFAULTS: dict[str, Scalar] = {"bool": False, "string": "", "float": 0.0, "double": 0.0}


@dataclass(frozen=True)
class Field:
    """One field of a message: `kind` is a scalar type, an enum or a message.

    `training_only` marks a field that cannot change what a trained network computes.
    """

    name: str
    kind: str
    repeated: bool
    default: Scalar | None
    training_only: bool

    @property
    def is_message(self) -> bool:
        """True for a nested message."""
        return self.kind in _TABLES


@cache
def fields(kind: str) -> MappingProxyType[str, Field]:
    """Return the fields of a message by name, in the order of the schema."""
    found = {}
    for line in _TABLES[kind].strip().splitlines():
        field_kind, *names = line.split()
        for name in names:
            field = _field(field_kind, name)
            found[field.name] = field
    return MappingProxyType(found)


@cache
def enum_values(kind: str) -> MappingProxyType[str, int]:
    """Return the numbers of an enum by name."""
    pairs = (entry.split("=") for entry in ENUMS[kind].split())
    return MappingProxyType({name: int(number) for name, number in pairs})


@cache
def enum_names(kind: str) -> MappingProxyType[int, str]:
    """Return the names of an enum by number."""
    return MappingProxyType({number: name for name, number in enum_values(kind).items()})


def is_enum(kind: str) -> bool:
    """Tell whether a field's kind is an enum."""
    return kind in ENUMS


def _field(kind: str, text: str) -> Field:
    training_only = text.endswith("~")
    name, _, default = text.rstrip("~").partition("=")
    repeated = name.endswith("*")
    return Field(name.rstrip("*"), kind, repeated, _default(kind, default), training_only)


def _default(kind: str, text: str) -> Scalar | None:
    """A field that names no default has its type's zero, an enum its first value, as in proto2; a message has none."""
    if kind in _TABLES:
        return None
    if kind in ENUMS:
        return text or next(iter(enum_values(kind)))
    if not text:
        return IMPLICIT_DEFAULTS.get(kind, 0)
    if kind in INTEGER_RANGES:
        return int(text)
    if kind in FLOATS:
        return float(text)
    return text == "true" if kind == "bool" else text


_TABLES = MESSAGES | LAYER_MESSAGES | TRAINING_MESSAGES
