"""The commands: what each is told, what it does, and how its result is shown."""

from collections.abc import Callable
from functools import partial
from inspect import Parameter, Signature
from typing import Annotated, Any, Literal, NamedTuple

import typer

from converters.command_line.application import group
from converters.command_line.arguments import ALWAYS, CHANGING, CONVERSION, OPTIONS, PROVING, READING
from converters.errors import ConversionError
from converters.options import Options

Words = tuple[str, ...]
How = Literal["text", "json", "markdown"]
Act = Callable[[Words, Options, How], None]


class Command(NamedTuple):
    """One command: what it does, which model it wants to be given, which options it takes and needs."""

    act: Act
    help: str
    model: str = ""
    options: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    metavar: str = "MODEL"


def build_app() -> typer.Typer:
    """Make the commands of the tables below."""
    app = group(
        "Trained Caffe and MatConvNet networks to Keras, PyTorch and ONNX, proved node by node.",
        epilog="Try: convert caffe-to-onnx vgg-face-tiny -o vgg.onnx",
    )
    for name, command in COMMANDS.items():
        app.command(name, help=command.help)(_function(name, command))
    return app


def _function(name: str, command: Command) -> Callable[..., None]:
    """Return the function of a command, with a signature made of the options that it takes."""

    def run(**given: Any) -> None:
        words = tuple(given.pop("words", ()))
        json, markdown = given.pop("json"), given.pop("markdown", False)
        how: How = "json" if json else "markdown" if markdown else "text"
        del given["verbose"]  # for failures, which are reported where all of them end
        lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
        command.act(words, Options(**{**given, **lists}), how)

    parameters = [_parameter(option, needed=option in command.needed) for option in (*command.options, *ALWAYS)]
    if command.model:
        words = Annotated[list[str], typer.Argument(metavar=command.metavar, help=command.model, show_default=False)]
        parameters.insert(0, Parameter("words", Parameter.KEYWORD_ONLY, annotation=words))
    function: Any = run
    function.__name__ = name
    function.__signature__ = Signature(parameters)
    return run


def _parameter(name: str, *, needed: bool) -> Parameter:
    kind, option = OPTIONS[name]
    default = Parameter.empty if needed else [] if kind == list[str] else getattr(Options, name, False)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _convert(source: str, target: str, words: Words, given: Options, how: How) -> None:
    from converters.files import hashing

    hashing.begin(words)
    from converters.command_line import console, terminal
    from converters.conversion import pipeline

    with terminal.progress() as progress:
        done = pipeline.convert(words, source, target, given, progress)
    terminal.warn(done.graph.warnings)
    if how == "json":
        terminal.say_json(console.conversion_json(done))
    else:
        console.show_conversion(done)


def _convert_keras(words: Words, given: Options, how: How) -> None:
    from converters.command_line import console, terminal
    from converters.conversion import keras_conversion

    with terminal.progress() as progress:
        done = keras_conversion.convert_keras(words, given, progress)
    if how == "json":
        terminal.say_json(console.conversion_json(done))
    else:
        console.show_conversion(done)


def _inspect(words: Words, given: Options, how: How) -> None:
    from converters.command_line import console, terminal
    from converters.conversion import inspection

    found = inspection.inspect(words, given)
    terminal.warn(found.warnings)
    if how == "json":
        terminal.say_json(inspection.as_json(found))
    else:
        console.show_inspection(found)


def _verify(words: Words, given: Options, how: How) -> None:
    from converters.command_line import console, terminal
    from converters.conversion import verification

    with terminal.progress() as progress:
        found = verification.verify(words, given, progress)
    if how == "json":
        terminal.say_json(console.verification_json(found))
    else:
        console.show_verification(found)
    if not found.ok:
        raise ConversionError(found.problems())


def _crosscheck(words: Words, given: Options, how: How) -> None:
    from converters.command_line import crosschecking, terminal
    from converters.conversion.crosschecking import crosscheck

    with terminal.progress() as progress:
        found = crosscheck(words, given, progress)
    if how == "json":
        terminal.say_json(found.as_json())
    else:
        crosschecking.show_crosscheck(found)
    if not found.ok:
        raise ConversionError(found.problems())


def _audit(words: Words, given: Options, how: How) -> None:
    from converters.command_line import audit_commands

    audit_commands.audit(words, given, json=how == "json")


def _formats(_words: Words, _given: Options, how: How) -> None:
    from converters import support
    from converters.command_line import console, terminal

    with terminal.progress() as progress:
        progress("reading the tables", 0.0)
        found = support.support_table()
    if how == "json":
        terminal.say_json(support.as_json(found))
    elif how == "markdown":
        terminal.out.file.write(support.markdown(found))
    else:
        console.show_support(found)


def _doctor(_words: Words, _given: Options, how: How) -> None:
    from converters.command_line import console, terminal
    from converters.doctor import diagnosis

    with terminal.progress() as progress:
        found = diagnosis.diagnose(progress)
    if how == "json":
        terminal.say_json(diagnosis.as_json(found))
    else:
        console.show_diagnosis(found)
    if found.problems:
        raise ConversionError(found.problems)


CAFFE = "The prototxt and the caffemodel; or the name of a network, followed by the caffemodel if it is not here."
MAT = "The .mat file of a SimpleNN or a DagNN; or the name of a network."
ANY = "A prototxt and a caffemodel, a .mat file, or the name of a network (`weights list` shows them)."
FILE = "What somebody converted: .h5, .keras, .pt, .pth, .safetensors, .onnx, .npz, .mat or .caffemodel."
TWO = "Two models: each a name, a .mat file, or a prototxt followed by its caffemodel."


def _conversion(source: str, target: str, title: str) -> Command:
    model = CAFFE if source == "caffe" else MAT
    return Command(partial(_convert, source, target), title, model, CONVERSION, needed=("out",))


COMMANDS = {
    "caffe-to-keras": _conversion("caffe", "keras", "Convert a Caffe network to Keras."),
    "caffe-to-torch": _conversion("caffe", "torch", "Convert a Caffe network to PyTorch."),
    "caffe-to-onnx": _conversion("caffe", "onnx", "Convert a Caffe network to ONNX."),
    "mat-to-keras": _conversion("matconvnet", "keras", "Convert a MatConvNet network to Keras."),
    "mat-to-torch": _conversion("matconvnet", "torch", "Convert a MatConvNet network to PyTorch."),
    "mat-to-onnx": _conversion("matconvnet", "onnx", "Convert a MatConvNet network to ONNX."),
    "keras-to-onnx": Command(
        _convert_keras,
        "Convert a Keras model to ONNX, through tf2onnx.",
        "The .keras file.",
        ("out", "opset", "force", "input_shapes", *PROVING),
        needed=("out",),
    ),
    "inspect": Command(_inspect, "List a network's nodes, and what pins its sizes.", ANY, (*READING, *CHANGING)),
    "verify": Command(
        _verify,
        "Compare a network with a converted model or a source.",
        ANY,
        ("against", "samples", "tolerance", *CHANGING, *READING),
        needed=("against",),
    ),
    "crosscheck": Command(
        _crosscheck,
        "Compare two releases of one network, such as Caffe's and MatConvNet's.",
        TWO,
        ("tolerance", "input_shapes"),
    ),
    "audit": Command(
        _audit,
        "Tell whether a file of others holds the weights of a network, and how it is arranged.",
        FILE,
        ("against", "cut", *READING),
        needed=("against",),
        metavar="FILE",
    ),
    "formats": Command(_formats, "List which layers of which source can go to which target.", options=("markdown",)),
    "doctor": Command(_doctor, "Say what is installed, and which devices really run."),
}
