"""What the names of arrays say: which layer they belong to, and what they are in it."""

import re
from collections.abc import Collection

# What each param of ours is called in the files of others; numbers are places in a list.
WORDS: dict[str, frozenset[str]] = {
    "weight": frozenset(
        {"weight", "weights", "w", "kernel", "filter", "filters", "depthwise_kernel", "embeddings", "0"}
    ),
    "bias": frozenset({"bias", "biases", "b", "beta", "shift", "1"}),
    "scale": frozenset({"scale", "gamma", "weight", "weights", "multipliers", "g", "0"}),
    "mean": frozenset({"mean", "running_mean", "moving_mean", "2"}),
    "variance": frozenset({"variance", "var", "running_var", "moving_variance", "running_variance", "3"}),
    "slope": frozenset({"slope", "alpha", "weight", "a", "0"}),
}
_KNOWN = frozenset().union(*WORDS.values())
_LETTERS = frozenset(word for word in _KNOWN if len(word) == 1 and word.isalpha())
_SUFFIX = re.compile(
    r"(?P<layer>.*?)(?P<dash>[/._])(?P<slot>"
    + "|".join(sorted((re.escape(word) for word in _KNOWN), key=len, reverse=True))
    + r")",
    re.IGNORECASE,
)
# Operations that TensorFlow appends to the names of what they read.
_OPERATION = re.compile(
    r"/(?P<kind>Conv[123]D|MatMul|BiasAdd|depthwise|Tensordot|FusedBatchNormV3)(/[^/]*)?(/ReadVariableOp(_\d+)?)?"
)


def split(name: str, names: Collection[str] = ()) -> tuple[str, str]:
    """Return the layer and the slot that a name says: ("conv1_1", "kernel") of "conv1_1/kernel:0"; slot "" for none.

    A single letter after an underscore (conv1_1_W) counts only where `names`, those of the whole file, hold another
    such letter after the same layer.
    """
    plain = re.sub(r":\d+$", "", name)
    operation = _OPERATION.search(plain)
    if operation and operation.end() == len(plain):
        return plain[: operation.start()], "bias" if operation["kind"] == "BiasAdd" else "weight"
    if plain.lower() in _KNOWN:
        return "", plain.lower()
    found = _SUFFIX.fullmatch(plain)
    if found is None or not found["layer"]:
        return plain, ""
    if found["dash"] == "_" and not _underscore_counts(found, name, names):
        return plain, ""
    return found["layer"], found["slot"].lower()


def _underscore_counts(found: re.Match[str], name: str, names: Collection[str]) -> bool:
    """Return whether a slot behind an underscore is one: conv1_1 is a layer, conv1_1_b next to conv1_1_W is not."""
    slot = found["slot"].lower()
    if slot.isdecimal():
        return False
    if slot not in _LETTERS:
        return True
    ending = name[len(found["layer"]) + 1 + len(slot) :]
    spellings = {f"{found['layer']}_{spelt}{ending}" for letter in _LETTERS for spelt in (letter, letter.upper())}
    return any(other in spellings and other.lower() != name.lower() for other in names)


def accepts(param: str, slot: str) -> bool:
    """Return whether a slot of others may hold our param; one without a name, or of an unknown one, may hold any."""
    words = WORDS.get(param)
    return not slot or slot not in _KNOWN or words is None or slot in words


def says(param: str, slot: str) -> bool:
    """Return whether a slot names our param."""
    return slot == param or slot in WORDS.get(param, ())


def key(layer: str) -> str:
    """Return a layer's name in a form in which spellings agree: "Conv1-1" and "conv1_1"."""
    return re.sub(r"[^a-z0-9]+", "_", layer.lower()).strip("_")


def last_key(layer: str) -> str:
    """Return the key of a name's last part: that of "vgg/features.conv1_1" is "conv1_1"."""
    return key(re.split(r"[/.]", layer.rstrip("/."))[-1])
