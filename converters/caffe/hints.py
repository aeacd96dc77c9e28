"""What to tell a person whose prototxt holds an unknown field or a value of the wrong type."""

from converters.caffe.schema import FLOATS, INTEGER_RANGES, Field, enum_values, fields, is_enum
from converters.errors import did_you_mean

_COMMON_OWNERS = ("convolution_param", "inner_product_param", "pooling_param", "transform_param")
_LAYER_KINDS = ("LayerParameter", "V1LayerParameter")
_SOLVER_FIELDS = frozenset(
    ("net", "train_net", "test_net", "test_iter", "test_interval", "base_lr", "lr_policy", "gamma", "momentum")
)


def hint_for_field(kind: str, name: str) -> str:
    """Return the message for a field that a block does not have: where it belongs, or the nearest spelling."""
    if kind == "NetParameter" and name in _SOLVER_FIELDS:
        return f"'{name}' belongs to a solver file; give the network definition that its 'net:' names"
    hint = did_you_mean(name, fields(kind))
    if owners := _owners(kind, name):
        hint = f"; it belongs inside {' or '.join(owners)}"
    elif kind == "NetParameter" and name in fields("LayerParameter"):
        hint = "; it belongs inside a layer { } block: is a brace closed too early?"
    return f"unknown field '{name}' in {kind}{hint}"


def expected(field: Field) -> str:
    """Describe in words what a field takes."""
    if field.kind in INTEGER_RANGES:
        low, high = INTEGER_RANGES[field.kind]
        return f"a whole number from {low} to {high}"
    if field.kind in FLOATS:
        return "a decimal number"
    if is_enum(field.kind):
        names = list(enum_values(field.kind))
        return f"one of {', '.join(names)}" if len(names) <= 6 else f"a name of {field.kind}, such as {names[-1]}"
    return {"bool": "true or false", "string": "a string in quotes"}[field.kind]


def hint_for_value(kind: str, field: Field, text: str, *, quoted: bool) -> str:
    """Return a remedy for a value of the wrong type, or an empty string."""
    if kind == "V1LayerParameter" and field.name == "type" and quoted:
        return "; types in quotes need the block to be called 'layer', not 'layers'"
    if kind == "LayerParameter" and field.name == "type" and not quoted:
        return "; a type without quotes needs the block to be called 'layers', not 'layer'"
    if is_enum(field.kind):
        return did_you_mean(text.upper(), enum_values(field.kind))
    if field.kind in FLOATS and text.startswith("0"):
        return "; hexadecimal and octal are for whole numbers only"
    return "; leave out the quotes" if quoted and field.kind != "string" else ""


def _owners(kind: str, name: str) -> list[str]:
    """The settings blocks of a layer that do have the field, at most three."""
    if kind not in _LAYER_KINDS:
        return []
    nested = (field for field in fields(kind).values() if field.name.endswith("_param"))
    found = [field.name for field in nested if field.is_message and name in fields(field.kind)]
    found.sort(key=lambda owner: owner not in _COMMON_OWNERS)
    return [f"{owner} {{ }}" for owner in found[:3]]
