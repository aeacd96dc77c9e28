"""Two releases of one network, from what a person names to the verdict; and what one release tells of another."""

from collections.abc import Sequence
from pathlib import Path

from converters import formats
from converters.conversion.pipeline import tolerance
from converters.conversion.proof import Progress, silent
from converters.conversion.sources import Model, check_complete, find_model, read
from converters.crosscheck import Crosscheck, channel_orders, takes_colours
from converters.crosscheck import crosscheck as compare
from converters.crosscheck.channels import CANNOT_BE_TOLD
from converters.errors import ConversionError, Refusal
from converters.ir import Graph
from converters.options import Options, UsageError

Words = tuple[str, ...]

WEIGHTS_SUFFIXES = tuple(suffix for suffix in formats.SOURCES["caffe"].suffixes if suffix != ".prototxt")


def crosscheck(words: Sequence[str], options: Options, progress: Progress = silent) -> Crosscheck:
    """Compare the two releases that `words` name: names, .mat files, or a prototxt followed by its caffemodel.

    Raises ConversionError with all problems of reading either.
    """
    named = two_models(words)
    progress("reading", 0.0)
    first, second = _read_both(named, options)
    titles = (_title(named[0]), _title(named[1]))
    if titles[0] == titles[1]:
        titles = (" ".join(named[0]), " ".join(named[1]))
    return compare(first, second, titles, tolerance=tolerance(options), progress=progress)


def two_models(words: Sequence[str]) -> tuple[Words, Words]:
    """Divide the words of a command between the two models that they name; a caffemodel belongs to what is before it.

    UsageError when that gives one model or more than two.
    """
    found: list[list[str]] = []
    for word in words:
        if found and word.lower().endswith(WEIGHTS_SUFFIXES):
            found[-1].append(word)
        else:
            found.append([word])
    if len(found) != 2:
        said = ", ".join(f"'{' '.join(model)}'" for model in found)
        endings = " or ".join(WEIGHTS_SUFFIXES)
        raise UsageError(
            f"two models are compared, but {len(found)} named: {said}; each is a name, a .mat file, or a prototxt "
            f"followed by its weights, whose name ends in {endings}"
        )
    return tuple(found[0]), tuple(found[1])


def _read_both(named: Sequence[Words], options: Options) -> list[Graph]:
    graphs: list[Graph] = []
    errors: list[ConversionError] = []
    for words in named:
        try:
            model = find_model(words)
            check_complete(model, options)
            graphs.append(read(model, options))
        except ConversionError as error:
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else ConversionError([line for error in errors for line in error.problems])
    return graphs


def _title(words: Words) -> str:
    """Return what a model is called in messages: its name, or that of its first file."""
    return Path(words[0]).name


def channel_order(model: Model, graph: Graph) -> str:
    """Say which channel order a model takes, by comparison with its other release where that is here.

    "" for a network that takes no colour images. One file alone never tells, and is not asked.
    """
    if not takes_colours(graph):
        return ""
    stated = graph.preprocessing.channel_order
    said = f"stated as {stated}; " if stated else "not stated; "
    if not model.complete:
        return f"{said}without weights there is nothing to compare"
    if not model.other_release:
        return f"{said}{CANNOT_BE_TOLD}"
    return _by_comparison(model, graph, said)


def _by_comparison(model: Model, graph: Graph, said: str) -> str:
    name = model.published.name if model.published else graph.name
    try:
        other = find_model([model.other_release])
        check_complete(other, Options())
        found = channel_orders(graph, read(other, Options()), (name, model.other_release))
    except Refusal as error:
        return f"{said}{CANNOT_BE_TOLD}, and its other release cannot be compared: {error.problems[0]}"
    return found.problem or found.text or f"{said}{CANNOT_BE_TOLD}"
