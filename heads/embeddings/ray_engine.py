"""The same map on Ray Data: many machines hash, then each computes whole shards of what is missing.

All machines see images, model and store under the same paths. Where no cluster is named (RAY_ADDRESS), a local one is
started. This process holds the store's lock, hands out the work and writes the table; workers write shards under names
of their own, so that a shard that is computed twice appears once.
"""

import json
import logging
import math
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
import ray.data

from heads.backbones.opening import open_backbone
from heads.embeddings.extraction import Backbone, EmbedOptions, EmbedResult, check_table, finish
from heads.embeddings.found import RowFound, RowsFound, rows_found
from heads.embeddings.pace import Pace, Progress
from heads.embeddings.store import OpenStore, Store, open_store
from heads.embeddings.workers import Embedding, Hashing, Job, Task
from heads.errors import HeadsError, MismatchError
from heads.faces import Faces
from heads.images.cropping import Detector, completed

# Large enough to be few, small enough that a lost worker costs little and all workers end together.
SHARD_ROWS = 512
HASHED_ROWS = 1024
# How often what failed is given out again, after all else is done.
ROUNDS = 3


@dataclass(frozen=True)
class Cluster:
    """How the work is spread; by default a worker has one processor and, where the backbone runs on one, one GPU.

    `workers` is their number, by default as many as the cluster has room for. `opener` opens the backbone in each of
    them, given what it was opened with.
    """

    workers: int | None = None
    processors: int = 1
    opener: Callable[..., Backbone] = open_backbone


def embed(
    backbone: Backbone,
    faces: Faces,
    folder: Path,
    options: EmbedOptions | None = None,
    progress: Progress = lambda _title, _fraction: None,
    detector: Detector | None = None,
    cluster: Cluster | None = None,
) -> EmbedResult:
    """Do what `heads.embeddings.extraction.embed` does, on the workers of a Ray cluster.

    Shards that fail are given out again. HeadsError says why some fail again and again; all others are kept. The table
    is in memory here and in each worker, whole.
    """
    options = options or EmbedOptions()
    cluster = cluster or Cluster(processors=options.threads or 1)
    began = time.monotonic()
    how = completed(options.crop, detector)
    check_table(faces, how)
    folder = folder.resolve()
    table = faces.whole()
    table = replace(table, root=table.root.resolve())
    words = backbone.opened_with.get("words", ())
    with open_store(folder, backbone.spec(how), words) as store, rows_found() as found:
        job = Job(
            Store(store.folder, store.spec, store.backbone),
            table,
            how,
            options,
            uuid4().hex[:8],
            cluster.opener,
            dict(backbone.opened_with),
            detector,
        )
        _check_sendable(job)
        work = _Work(len(table), store, found, Pace(progress, len(table)))
        with _connected():
            sent = [ray.put(job)]
            work.hash(sent)
            work.compute(job, sent, cluster)
        unreadable = finish(store, table, found)
    rest = len(table) - work.computed - unreadable
    seconds = time.monotonic() - began
    return EmbedResult(work.computed, rest, unreadable, seconds, work.batch_size or options.batch_size)


@dataclass(eq=False)
class _Work:
    """What is done of a table of `rows` so far."""

    rows: int
    store: OpenStore
    found: RowsFound
    pace: Pace
    computed: int = 0
    batch_size: int = 0

    def hash(self, sent: Any) -> None:
        """Find the keys of all rows, or why there is none."""
        starts = range(0, self.rows, HASHED_ROWS)
        tasks = [{"first": first, "last": min(first + HASHED_ROWS, self.rows)} for first in starts]
        for told in _in_rounds(tasks, "first", lambda left: _hashed(left, sent)):
            for number, key, problem in told["found"]:
                self.found.note(RowFound(number, bytes.fromhex(key), problem))

    def compute(self, job: Job, sent: Any, cluster: Cluster) -> None:
        """Have every key computed that the store does not have, once."""
        missing = self._missing()
        done = self.rows - len(missing)
        self.pace.done(done)
        if not missing:
            return
        workers, resources = _resources(job, cluster)
        size = min(SHARD_ROWS, max(job.options.batch_size, math.ceil(len(missing) / (4 * workers))))
        first = self.store.next_number()
        tasks = [
            {"number": first + at, "rows": [row.number for row in part], "keys": [row.key.hex() for row in part]}
            for at, part in enumerate(missing[start : start + size] for start in range(0, len(missing), size))
        ]
        for told in _in_rounds(tasks, "number", lambda left: _embedded(left, sent, workers, resources)):
            self.computed += told["computed"]
            self.batch_size = min(self.batch_size or told["batch_size"], told["batch_size"])
            for row, problem in told["problems"].items():
                self.found.fail(self.found.key(int(row)), problem)
            done += told["rows_done"]
            self.pace.done(done)

    def _missing(self) -> list[RowFound]:
        """Return the first row of each key that the store does not have."""
        rows: dict[bytes, RowFound] = {}
        for row in self.found:
            if not row.problem and row.key not in self.store.known:
                rows.setdefault(row.key, row)
        return list(rows.values())


class _Worker:
    """Does tasks of one kind; a task that fails says so, and the others go on."""

    def __init__(self, kind: type[Hashing] | type[Embedding], job: Any) -> None:
        self._kind = kind
        self._job: list[Any] = job  # in a list, Ray passes what refers to it on instead of a copy
        self._doing: Hashing | Embedding | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        task = json.loads(row["task"])
        try:
            self._doing = self._doing or self._kind(ray.get(self._job[0]))
            told = self._doing.work(task)
        except HeadsError as error:
            told = {**task, "failed": error.problems, "final": isinstance(error, MismatchError)}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told to the one who asked and given out again
            told = {**task, "failed": [_first_line(error)]}
        return {"told": json.dumps(told)}


def _hashed(tasks: Sequence[Task], job: Any) -> Iterator[Task]:
    """Yield what becomes of tasks of hashing, in any order."""
    yield from _told(_as_rows(tasks).map(_Worker(Hashing, job).__call__))


def _embedded(tasks: Sequence[Task], job: Any, workers: int, resources: Mapping[str, float]) -> Iterator[Task]:
    """Yield what becomes of tasks of embedding, in any order; each worker opens the backbone once."""
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=max(1, min(workers, len(tasks))))
    yield from _told(_as_rows(tasks).map(_Worker, fn_constructor_args=(Embedding, job), compute=pool, **resources))


def _as_rows(tasks: Sequence[Task]) -> Any:
    return ray.data.from_items([{"task": json.dumps(task)} for task in tasks], override_num_blocks=len(tasks))


def _told(rows: Any) -> Iterator[Task]:
    for row in rows.iter_rows():
        yield json.loads(row["told"])


def _in_rounds(tasks: Sequence[Task], name: str, mapped: Callable[[Sequence[Task]], Iterator[Task]]) -> Iterator[Task]:
    """Yield what becomes of every task, giving out again what failed.

    HeadsError where some fail in each round, MismatchError at once where a worker says that it never can.
    """
    left = {task[name]: task for task in tasks}
    reasons: dict[int, list[str]] = {}
    for _ in range(ROUNDS):
        try:
            for told in mapped(list(left.values())):
                if told.get("final"):
                    raise MismatchError(told["failed"])
                if "failed" in told:
                    reasons[told[name]] = told["failed"]
                elif left.pop(told[name], None):
                    yield told
        except ray.exceptions.RayError as error:
            reasons |= {number: [_first_line(error)] for number in left if number not in reasons}
        if not left:
            return
    told_reasons = {line for number in left for line in reasons.get(number, ["the worker died"])}
    headline = f"{len(left)} of {len(tasks)} tasks failed {ROUNDS} times; what the others wrote is kept"
    raise HeadsError([headline, *sorted(told_reasons)])


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason is given'}"


def _resources(job: Job, cluster: Cluster) -> tuple[int, dict[str, float]]:
    """Return how many workers there are, and what each of them needs."""
    gpus = 1 if str(job.opened_with.get("device", "cpu")).startswith("cuda") else 0
    workers = cluster.workers or _fitting(cluster.processors, gpus)
    return workers, {"num_cpus": cluster.processors, "num_gpus": gpus}


def _fitting(processors: int, gpus: int) -> int:
    """Return how many workers a cluster has room for."""
    has = ray.cluster_resources()
    room = has.get("CPU", 1) // processors
    return max(1, int(min(room, has.get("GPU", 0) // gpus) if gpus else room))


def _check_sendable(job: Job) -> None:
    try:
        pickle.dumps(job.detector)
    except (TypeError, pickle.PicklingError) as error:
        raise HeadsError(f"this detector cannot be sent to other processes ({error}); use the engine local") from error


@contextmanager
def _connected() -> Iterator[None]:
    """Be connected to a cluster, and let Ray be silent: what matters is said by this program."""
    ours = not ray.is_initialized()
    if ours:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    log = logging.getLogger("ray.data")
    context = ray.data.DataContext.get_current()
    before = log.level, context.enable_progress_bars, context.max_errored_blocks
    log.setLevel(logging.ERROR)
    context.enable_progress_bars, context.max_errored_blocks = False, -1
    try:
        yield
    finally:
        log.setLevel(before[0])
        context.enable_progress_bars, context.max_errored_blocks = before[1:]
        if ours:
            ray.shutdown()
