"""What a backbone is, by the words that name it: sources, or a file of a framework."""

from collections.abc import Sequence
from pathlib import Path

from converters import formats
from converters.conversion.sources import find_model
from converters.conversion.verification import READABLE
from heads.backbones import Backbone
from heads.errors import HeadsError

SOURCES, ONNX, KERAS, TORCH = "sources", "onnx", "keras", "torch"
TITLES = {ONNX: "an ONNX file", KERAS: "a Keras model", TORCH: "a PyTorch model"}
ADVICE = "name the backbone's sources with --backbone (a known name, prototxt and caffemodel, or a .mat file)"
# A network that is defined here, and weights in a file of its own: as good as sources.
INCEPTION = "inception-resnet-v1"


def kind_of(words: Sequence[str]) -> str:
    """Return "sources", "onnx", "keras" or "torch"."""
    first = Path(words[0])
    if words[0] == INCEPTION:
        return SOURCES
    if first.is_dir():
        return KERAS if (first / "saved_model.pb").exists() else TORCH
    for name, target in formats.TARGETS.items():
        if target.suffix(first) or first.suffix.lower() in READABLE.get(name, ()):
            return name
    return SOURCES


def check_kind(words: Sequence[str], out: Path, target: formats.Target) -> str:
    """Return what the backbone is; HeadsError where that cannot be joined to a head in a file of this target."""
    kind = kind_of(words)
    if kind == SOURCES:
        return kind
    if kind == TORCH:
        raise HeadsError(
            f"{words[0]}: is a PyTorch model: program text, which cannot be taken apart and joined to a head; {ADVICE}"
        )
    if kind != target.name:
        via = "; or export to .keras and turn that into ONNX with `convert keras-to-onnx`" if kind == KERAS else ""
        raise HeadsError(
            f"{out}: {words[0]} is {TITLES[kind]}, which can only become part of a file of the same kind; {ADVICE}{via}"
        )
    if len(words) != 1:
        raise HeadsError(f"a converted backbone is one file; {len(words)} are given: {', '.join(words)}")
    if kind == KERAS and first_suffix(words[0]) != ".keras":
        raise HeadsError(f"{words[0]}: only a .keras file can become part of another; {ADVICE}")
    if kind == KERAS and first_suffix(str(out)) != ".keras":
        raise HeadsError(f"{out}: a Keras backbone and its head are written as one .keras file")
    return kind


def check_precision(words: Sequence[str], backbone: Backbone) -> None:
    """Refuse a backbone in half precision: what it computes depends on the runtime by more than can be certified."""
    if backbone.engine.dtype == "float16":
        raise HeadsError(
            f"{words[0]}: computes in float16, where runtimes differ by more than the 1e-5 that is certified; "
            "make the embeddings with a float32 model, train the head on these, and export with that model"
        )


def first_suffix(name: str) -> str:
    """Return the suffix of a file name in small letters."""
    return Path(name).suffix.lower()


def files_of(words: Sequence[str]) -> list[Path]:
    """Return the files that a backbone is read from, external weights of an ONNX file included."""
    if words[0] == INCEPTION:
        return [Path(word) for word in words[1:]]
    if kind_of(words) == SOURCES:
        return [path for path in find_model(words).files if path.is_file()]
    path = Path(words[0])
    beside = path.with_name(path.name + ".data")
    return [path, beside] if beside.is_file() else [path]
