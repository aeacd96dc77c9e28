"""Turns an exception into how a cell ended and one sentence that says why."""

from collections.abc import Iterator

from benchmarks.errors import BenchError, RunnerError
from benchmarks.runners import RUNNERS

LONGEST_REASON = 400
# How runtimes name it where they have a class for it (PyTorch, TensorFlow) ...
OUT_OF_MEMORY_CLASSES = {"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"}
# ... and what their messages hold where they have not (ONNX Runtime, OpenCV, OpenVINO, CUDA, PyTorch on a CPU).
OUT_OF_MEMORY_WORDS = (
    "out of memory", "bad_alloc", "bad allocation", "failed to allocate memory", "can't allocate memory",
    "cannot allocate memory", "insufficient memory", "not enough memory", "out_of_memory", "alloc_failed",
)  # fmt: skip

# Libraries that measurements need themselves, and the extra that brings them.
OUR_EXTRAS = {"pynvml": "bench"}


def status_and_reason(error: BaseException, runner: str) -> tuple[str, str]:
    """Return the status of `Measured` that an exception means, and one sentence."""
    if any(is_out_of_memory(each) for each in chain(error)):
        return "out of memory", sentence(error)
    if isinstance(error, RunnerError):
        return "refused", sentence(error)
    if isinstance(error, ImportError):
        return "failed", import_sentence(error, runner)
    return "failed", sentence(error)


def import_sentence(error: ImportError, runner: str) -> str:
    """Say whether a library is missing, and what brings it, or broken."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return one_line(f"the library of {runner} is broken: {error}")
    extra = OUR_EXTRAS.get(error.name) or (RUNNERS[runner][1] if runner in RUNNERS else "")
    remedy = f"; install it with: pip install 'faceport[{extra}]'" if extra else ""
    return one_line(f"{error.name} is not installed{remedy}")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a runtime, or Python itself, did not get the memory that it asked for."""
    if any(kind.__name__ in OUT_OF_MEMORY_CLASSES for kind in type(error).__mro__):
        return True
    return not isinstance(error, BenchError) and any(word in str(error).lower() for word in OUT_OF_MEMORY_WORDS)


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what caused it."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def sentence(error: BaseException) -> str:
    """Return one line: of our own errors the message, of others their kind as well."""
    text = "; ".join(error.problems) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
    return one_line(text.removesuffix(": "))


def one_line(text: str) -> str:
    """Return a text on one line, shortened where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 3]}..."
