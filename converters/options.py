"""Everything that a conversion can be told, and how the values are written on a command line."""

from dataclasses import dataclass, fields
from pathlib import Path

from converters.errors import ConversionError

Shape = tuple[int, ...]
MAX_AXIS = 2**31 - 1
CHANNEL_ORDERS = {"rgb": "RGB", "bgr": "BGR", "gray": "gray", "grey": "gray"}
DTYPES = ("float32", "float16")
DYNAMIC_AXES = ("batch", "height", "width")
PHASES = ("TEST", "TRAIN")


class UsageError(ConversionError):
    """A command or call that makes no sense, whatever the files hold."""

    exit_status = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a conversion can be told beside the model; the defaults change nothing.

    `input_shapes` and `samples` use the key "" for the only input. `mean` is in the order R, G, B. `dynamic` None is
    the batch, where the graph allows it.
    """

    out: Path | None = None
    input_shapes: tuple[tuple[str, Shape], ...] = ()
    phase: str = "TEST"
    stages: tuple[str, ...] = ()
    level: int = 0
    cut: tuple[str, ...] = ()
    l2_normalize: bool = False
    fold_batch_norm: bool = False
    dense_to_conv: bool = False
    channel_order: str | None = None
    mean: tuple[float, ...] | None = None
    mean_file: Path | None = None
    scale: tuple[float, ...] | None = None
    labels: Path | None = None
    bake_preprocessing: bool = False
    dtype: str = "float32"
    dynamic: tuple[str, ...] | None = None
    opset: int | None = None
    external_data: bool = False
    samples: tuple[tuple[str, Path], ...] = ()
    tolerance: float | None = None
    verify: bool = True
    certificate: Path | None = None
    force: bool = False
    against: tuple[str, ...] = ()

    def given(self) -> dict[str, object]:
        """Return the options that differ from their defaults, by field name."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }


def named_shape(text: str) -> tuple[str, Shape]:
    """Read `NAME=1x3x224x224`, or only the shape where the network has one input; ValueError otherwise."""
    name, equals, sizes = text.rpartition("=")
    if equals and not name:
        raise ValueError(f"'{text}' has no name before '='; write NAME=1x3x224x224")
    axes = sizes.replace("X", "x").replace(",", "x").split("x")
    if not all(axis.strip().isdecimal() for axis in axes):
        raise ValueError(f"'{sizes}' is no shape; write NAME=1x3x224x224")
    shape = tuple(int(axis) for axis in axes)
    if not all(0 < size <= MAX_AXIS for size in shape):
        raise ValueError(f"'{sizes}' has an axis that is not between 1 and {MAX_AXIS}")
    return name, shape


def named_path(text: str) -> tuple[str, Path]:
    """Read `NAME=PATH`, or only the path where the network has one input; a path that exists as written wins."""
    name, equals, path = text.partition("=")
    return (name, Path(path)) if equals and name and not Path(text).exists() else ("", Path(text))


def numbers(text: str) -> tuple[float, ...]:
    """Read one number or several with commas between them; ValueError for anything else, infinities included."""
    try:
        values = tuple(float(piece) for piece in text.split(","))
    except ValueError:
        raise ValueError(
            f"'{text}' is not a list of numbers; write them with commas between, as in 129.2,104.8,93.6"
        ) from None
    if not all(abs(value) < float("inf") for value in values):
        raise ValueError(f"'{text}' holds a value that is not finite")
    return values


def channel_order(text: str) -> str:
    """Read RGB, BGR or gray, in any case; ValueError otherwise."""
    if text.lower() not in CHANNEL_ORDERS:
        raise ValueError(f"'{text}' is no channel order; choose RGB, BGR or gray")
    return CHANNEL_ORDERS[text.lower()]


def dtype(text: str) -> str:
    """Read float32 or float16; ValueError otherwise."""
    if text.lower() not in DTYPES:
        raise ValueError(f"'{text}' is no number type to convert to; choose {' or '.join(DTYPES)}")
    return text.lower()


def phase(text: str) -> str:
    """Read TEST or TRAIN, in any case; ValueError otherwise."""
    if text.upper() not in PHASES:
        raise ValueError(f"'{text}' is no phase; choose {' or '.join(PHASES)}")
    return text.upper()


def dynamic(text: str) -> tuple[str, ...]:
    """Read `none` or any of batch, height and width with commas between; ValueError otherwise."""
    if text.lower() == "none":
        return ()
    axes = tuple(piece.strip().lower() for piece in text.split(","))
    wrong = [axis for axis in axes if axis not in DYNAMIC_AXES]
    if wrong:
        raise ValueError(f"'{wrong[0]}' cannot be left open; choose from {', '.join(DYNAMIC_AXES)}, or none")
    return tuple(axis for axis in DYNAMIC_AXES if axis in axes)


def positive(text: str) -> float:
    """Read a finite number above 0; ValueError otherwise."""
    values = numbers(text)
    if len(values) != 1 or values[0] <= 0:
        raise ValueError(f"'{text}' is not a number above 0")
    return values[0]


def whole(text: str) -> int:
    """Read a whole number of 0 or more; ValueError otherwise."""
    if not text.strip().isdecimal():
        raise ValueError(f"'{text}' is not a whole number")
    return int(text)
