"""Has the artefacts of each model made, in a process of their own."""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.artefacts import request as artefacts
from benchmarks.errors import BenchError
from benchmarks.execution import child
from benchmarks.execution.cell import Plan
from benchmarks.execution.environment import clean
from benchmarks.execution.request import Request
from converters.files.hashing import sha256

# Converting and proving a network of gigabytes takes minutes; something that takes this long hangs.
TIMEOUT_SECONDS = 3600.0


def request_for(plan: Plan, model: tuple[str, ...]) -> artefacts.Request:
    """Return what has to be made of one model for the cells of a plan."""
    cells = [cell for cell in plan.cells if cell.model == model]
    return artefacts.Request(
        model=tuple(_absolute(word) if Path(word).exists() else word for word in model),
        folder=_absolute(plan.request.work),
        nodes=plan.request.nodes,
        kinds=tuple(dict.fromkeys(cell.kind for cell in cells)),
        batches=tuple(sorted({cell.batch for cell in cells})),
        images=plan.request.probe_images,
        seed=plan.request.seed,
        channel_order=plan.request.channel_order,
        mean=plan.request.mean,
        scale=plan.request.scale,
        image_folder=_absolute(plan.request.images) if plan.request.images else "",
    )


def _absolute(path: str | Path) -> str:
    """Return a path that means the same in every process."""
    return str(Path(path).resolve())


def make(request: artefacts.Request) -> artefacts.Answer:
    """Return what was made, or was there from before; BenchError with every reason for a model that cannot be used."""
    name = " ".join(request.model)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        asked, answered = Path(folder) / "request.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(request.to_json()), encoding="utf-8")
        command = child.python("benchmarks.artefacts", str(asked), str(answered))
        ended = child.run(command, clean(), TIMEOUT_SECONDS)
        if not answered.exists():
            raise BenchError(f"{name}: cannot be prepared: the process that converts it {_how(ended)}")
        answer = artefacts.Answer.from_json(json.loads(answered.read_text(encoding="utf-8")))
    if answer.problems:
        raise BenchError(f"{name}: {problem}" for problem in answer.problems)
    return answer


def _how(ended: child.Ended) -> str:
    if ended.timed_out:
        return f"did not end within {TIMEOUT_SECONDS:.0f} s"
    how = f"was ended by {ended.signal_name}" if ended.signal_name else f"ended with exit code {ended.exit_status}"
    if ended.out_of_memory:
        how += " for want of memory"
    lines: Iterable[str] = ended.tail.strip().splitlines()[-5:]
    return "\n  ".join([how, *lines])


def probe_inputs(answer: artefacts.Answer) -> str:
    """Return what tells the images of a probe set from others: checksum and size, as its archive lists them.

    Not the file's own hash: the reference values in it may differ in their last bits from machine to machine.
    """
    with zipfile.ZipFile(answer.probe) as archive:
        found = archive.getinfo("inputs.npy")
    return f"{found.CRC:08x} {found.file_size}"


def input_hashes(request: Request) -> dict[str, str]:
    """Return the sha256 of the head and of the table of faces that accuracy is measured with, none without them."""
    found = {}
    for name, path in (("head", request.head), ("faces", request.faces)):
        if path:
            files = (
                sorted(each for each in Path(path).rglob("*") if each.is_file())
                if Path(path).is_dir()
                else [Path(path)]
            )
            found[name] = hashlib.sha256("".join(map(sha256, files)).encode()).hexdigest()
    return found
