"""How each option is written on the command line: one table for all commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from converters import options


def _checked(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Turn a parser's ValueError into the message of a wrong command line."""

    def parsed(text: Any) -> Any:
        # A default goes through here too, and is no text.
        if not isinstance(text, str):
            return text
        try:
            return parse(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parsed


def _flag(panel: str, *names: str, text: str) -> tuple[Any, Any]:
    return bool, typer.Option(*names, help=text, rich_help_panel=panel, show_default=False)


def _value(
    panel: str, *names: str, text: str, metavar: str, parse: Callable[[str], Any] = str, many: bool = False
) -> tuple[Any, Any]:
    option = typer.Option(
        *names, help=text, metavar=metavar, parser=_checked(parse), rich_help_panel=panel, show_default=False
    )
    return list[str] if many else str, option


READ, CHANGE, STATE, WRITE, PROVE, PRINT = (
    "Reading", "Changing the network", "Images and classes", "Writing", "Proving", "Printing"
)  # fmt: skip

# Field of Options (or of Printing) -> the type typer sees and how the option is written.
OPTIONS: dict[str, tuple[Any, Any]] = {
    "input_shapes": _value(
        READ, "--input-shape", metavar="NAME=1x3x224x224", parse=options.named_shape, many=True,
        text="Shape of an input, batch first; NAME= may go where there is one input. Can be repeated.",
    ),
    "phase": _value(
        READ, "--phase", metavar="PHASE", parse=options.phase,
        text="Keep the layers of this phase: TEST (default) or TRAIN.",
    ),
    "stages": _value(
        READ, "--stage", metavar="STAGE", many=True,
        text="Keep the layers of this stage, as in Caffe. Can be repeated.",
    ),
    "level": _value(
        READ, "--level", metavar="N", parse=options.whole,
        text="Keep the layers of this level, as in Caffe (default 0).",
    ),
    "cut": _value(
        CHANGE, "--cut", metavar="NODE", many=True,
        text="End the network at a node or layer: conv5_3 is before its ReLU, relu5_3 after it. Can be repeated.",
    ),
    "l2_normalize": _flag(CHANGE, "--l2-normalize", text="Make each output a vector of length 1."),
    "fold_batch_norm": _flag(CHANGE, "--fold-batch-norm", text="Melt batch normalization into the layer before it."),
    "dense_to_conv": _flag(
        CHANGE, "--dense-to-conv",
        text="Turn dense layers into convolutions, so that other image sizes fit.",
    ),
    "channel_order": _value(
        STATE, "--channel-order", metavar="ORDER", parse=options.channel_order,
        text="Channels of the network's input: RGB, BGR or gray.",
    ),
    "mean": _value(
        STATE, "--mean", metavar="R,G,B", parse=options.numbers,
        text="What is subtracted from pixels 0..255, in the order R,G,B whatever the network's own is.",
    ),
    "mean_file": _value(
        STATE, "--mean-file", metavar="FILE", parse=Path,
        text="The mean as .binaryproto, .npy or .mat.",
    ),
    "scale": _value(
        STATE, "--scale", metavar="FACTOR", parse=options.numbers,
        text="What pixels are multiplied by, after the mean is subtracted.",
    ),
    "labels": _value(STATE, "--labels", metavar="FILE", parse=Path, text="Class names, one a line."),
    "bake_preprocessing": _flag(
        STATE, "--bake-preprocessing",
        text="Take uint8 RGB pixels as input: the network preprocesses them itself.",
    ),
    "out": _value(WRITE, "-o", "--out", metavar="OUT", parse=Path, text="Where to write; the suffix says what."),
    "dtype": _value(WRITE, "--dtype", metavar="TYPE", parse=options.dtype, text="float32 (default) or float16."),
    "dynamic": _value(
        WRITE, "--dynamic", metavar="AXES", parse=options.dynamic,
        text="Axes that stay open: batch,height,width or none. Default: batch, where the network allows it.",
    ),
    "opset": _value(WRITE, "--opset", metavar="N", parse=options.whole, text="ONNX only: the opset."),
    "external_data": _flag(WRITE, "--external-data", text="ONNX only: keep the weights in a file beside OUT."),
    "force": _flag(WRITE, "--force", text="Replace what is there."),
    "samples": _value(
        PROVE, "--input", metavar="FILE", parse=options.named_path, many=True,
        text="Prove on this data as well: .npy, .png or .jpg; NAME=FILE for several inputs. Can be repeated.",
    ),
    "tolerance": _value(
        PROVE, "--tolerance", metavar="X", parse=options.positive,
        text="Largest difference allowed, as a fraction of a value's maximum (default 1e-5; 1e-2 for float16).",
    ),
    "verify": _flag(PROVE, " /--no-verify", text="Write without running anything; nothing is claimed then."),
    "certificate": _value(
        PROVE, "--certificate", metavar="FILE", parse=Path,
        text="Where to put the certificate (default: beside OUT).",
    ),
    "against": _value(
        PROVE, "--against", metavar="ARTEFACT", many=True,
        text="What to compare with: a name, a .mat file, or prototxt and caffemodel (repeat the option); to verify, a "
        "converted model as well.",
    ),
    "markdown": _flag(PRINT, "--markdown", text="Print a table for a Markdown file."),
    "json": _flag(PRINT, "--json", text="Print one JSON document."),
    "verbose": _flag(PRINT, "-v", "--verbose", text="Print where a failure happened."),
}  # fmt: skip

READING = ("input_shapes", "phase", "stages", "level")
CHANGING = (
    "cut", "l2_normalize", "fold_batch_norm", "dense_to_conv", "channel_order", "mean", "mean_file", "scale", "labels",
    "bake_preprocessing",
)  # fmt: skip
WRITING = ("out", "dtype", "dynamic", "opset", "external_data", "force")
PROVING = ("samples", "tolerance", "verify", "certificate")
CONVERSION = (*WRITING, *CHANGING, *READING, *PROVING)
ALWAYS = ("json", "verbose")
HOW_TO_PRINT = (*ALWAYS, "markdown")
