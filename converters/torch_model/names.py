"""Names and texts of a foreign model as Python source: identifiers, literals, comments that nothing breaks out of."""

import keyword
import re
import sys
import unicodedata
from collections.abc import Iterable

_PLAIN = re.compile(r"[\w./+-]+", re.ASCII)
_WORD = re.compile(r"[^0-9a-zA-Z]+")

# What nn.Module calls its own: a layer of such a name would break the module, or be one that `to`, `train` ... hide.
MODULE_ATTRIBUTES = frozenset({
    "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile",
    "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer",
    "get_extra_state", "get_parameter", "get_submodule", "half", "ipu", "load_state_dict", "modules", "mtia",
    "named_buffers", "named_children", "named_modules", "named_parameters", "parameters",
    "register_backward_hook", "register_buffer", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_", "set_extra_state",
    "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train", "training", "type", "xpu",
    "zero_grad",
})  # fmt: skip
# What the text of a module uses besides attributes of its layers.
MODULE_NAMES = frozenset({
    "ArrayLike", "CHANNEL_ORDER", "DTYPE", "F", "INPUT_SIZE", "LABELS", "MEAN", "Path", "SCALE", "Tensor",
    "WEIGHTS", "load", "load_file", "math", "nn", "preprocess", "prod", "self", "sqrt", "tie_weights", "torch", "x",
})  # fmt: skip
_FILES = frozenset({"torch", "numpy", "safetensors", *sys.stdlib_module_names})


def identifier(name: str, fallback: str) -> str:
    """Return `name` as an ASCII identifier that is no keyword and has no leading underscore; not yet unique."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    text = re.sub(r"\W+", "_", ascii_name).strip("_")
    if not text or not text[0].isalpha():
        text = f"{fallback}_{text}" if text else fallback
    return f"{text}_" if keyword.iskeyword(text) or keyword.issoftkeyword(text) else text


def unique(wanted: str, used: Iterable[str]) -> str:
    """Return `wanted`, or the first of `wanted_2`, `wanted_3` ... that is not used."""
    taken = set(used)
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    return name


def class_name(name: str) -> str:
    """Return the name of a network as that of a class: VGG_FACE_16_layers becomes VGGFACE16Layers."""
    words = _WORD.split(unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode())
    text = "".join(word[:1].upper() + word[1:] for word in words)
    return text if text[:1].isalpha() else f"Network{text}"


def file_stem(name: str) -> str:
    """Return the name of a network as that of a file which can be imported and hides no other module."""
    stem = identifier(name, "network").lower()
    return f"{stem}_net" if stem in _FILES or keyword.iskeyword(stem) else stem


def literal(text: str) -> str:
    """Return `text` as a Python string literal on one line; whatever is not printable is escaped."""
    return f'"{_escaped(text, chr(92) + chr(34))}"'


def plain(text: str) -> str:
    """Return `text` on one line of a docstring: escaped where it is not printable, a backslash or a double quote."""
    return _escaped(text, '\\"')


def mention(name: str) -> str:
    """Return a name as it stands in a comment: bare if it is a plain word, else as a literal."""
    return name if _PLAIN.fullmatch(name) else literal(name)


def _escaped(text: str, special: str) -> str:
    return "".join(f"\\{c}" if c in special else c if c.isprintable() else ascii(c)[1:-1] for c in text)
