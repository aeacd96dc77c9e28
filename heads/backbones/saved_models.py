"""SavedModel folders as backbones; they tell their outputs alone."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from converters.description import preprocessing_read
from converters.errors import FormatError
from converters.keras_model.files import record_path
from converters.keras_model.library import quietly
from converters.keras_model.running import record_or_nothing
from converters.keras_model.tensorflow_library import tf
from heads.backbones.artefact import Artefact, Engine, Hardware, image_shape
from heads.backbones.tensorflow_functions import averaged, engine, placed, set_threads
from heads.errors import HeadsError

CERTIFICATE = "certificate.json"
SIGNATURE = "serving_default"


def found(path: Path, hardware: Hardware) -> Artefact:
    """Return what a SavedModel is as a backbone; FormatError or HeadsError where it is none."""
    set_threads(hardware)
    told = record_or_nothing(path) if record_path(path).exists() else {}
    signature = _signature(path, hardware)
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        names = ", ".join(inputs) or "none"
        raise HeadsError(f"a backbone has one input, the image; this model has {len(inputs)}: {names}")
    name, spec = next(iter(inputs.items()))
    image, last = image_shape(spec.shape.as_list(), name)
    outputs = tuple(signature.structured_outputs)
    return Artefact(
        files=tuple(sorted(file for file in path.rglob("*") if file.is_file() and file.name != CERTIFICATE)),
        image=image,
        input_dtype="uint8" if spec.dtype == tf.uint8 else "float32",
        nodes=outputs,
        outputs=outputs,
        load=partial(_loaded, signature, name, spec, hardware, last),
        preprocessing=preprocessing_read(told),
        licence=str(told.get("licence", "")),
        only_outputs="a SavedModel tells its outputs alone",
    )


def _signature(path: Path, hardware: Hardware) -> Any:
    try:
        with quietly(), tf.device(placed(hardware)):
            model = tf.saved_model.load(str(path))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise FormatError(f"{path}: TensorFlow cannot load it: {str(error).partition(chr(10))[0]}") from error
    if SIGNATURE not in model.signatures:
        raise FormatError(f"{path}: has no signature '{SIGNATURE}', which says what it takes and gives")
    signature = model.signatures[SIGNATURE]
    signature.held = model  # variables go away with the model
    return signature


def _loaded(signature: Any, name: str, spec: Any, hardware: Hardware, last: bool, nodes: Sequence[str]) -> Engine:
    def forward(batch: Any) -> list[Any]:
        values = signature(**{name: batch})
        return [averaged(values[node], last) for node in nodes]

    kinds = [variable.dtype.name for variable in signature.variables]
    dtype = max(set(kinds), key=kinds.count) if kinds else "float32"
    return engine(tf.function(forward), spec.shape.as_list(), hardware, dtype, last=last)
