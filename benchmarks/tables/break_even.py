"""From which batch on a row is faster than the reference, as words below a table of several batches."""

from collections.abc import Iterator, Sequence
from math import inf

from benchmarks.cells import ALL_INSTRUCTIONS
from benchmarks.statistics.break_even import BatchBreakEven, batch_break_even
from benchmarks.statistics.rows import Row

# What rows of one way have in common at all batches.
WAY = (
    "model", "machine", "device", "threads", "runner", "version", "call_path", "provider", "precision", "layout",
    "denormals", "spinning", "instructions",
)  # fmt: skip


def break_even_batches(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each network, machine, device, threads and instructions that have more than one batch."""
    for place in dict.fromkeys(row.group[:-1] for row in rows):
        here = [row for row in rows if row.group[:-1] == place and row.round_ms]
        references = [row for row in here if row.ratio and row.ratio.reference == row.label]
        batches = sorted({row.batch for row in references})
        if len(batches) > 1 and len({_way(row) for row in references}) == 1:
            told = _sentence(here, references, batches)
            several = len({row.group[:-1] for row in rows}) > 1
            yield f"{_where(references[0])}: {told}" if several else told


def _where(row: Row) -> str:
    instructions = "" if row.instructions == ALL_INSTRUCTIONS else f", {row.instructions}"
    return f"{row.model}, {row.machine}, {row.device}, {row.threads} threads{instructions}"


def _sentence(rows: Sequence[Row], references: Sequence[Row], batches: Sequence[int]) -> str:
    """Return which ways are faster than the reference, by the batch from which on they are."""
    ways: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row not in references:
            ways.setdefault(_way(row), []).append(row)
    found: dict[tuple[float, str], list[str]] = {}
    for each in ways.values():
        if {row.batch for row in each} & set(batches):
            one = batch_break_even(each, references)
            found.setdefault((one.batch or inf, _said(one, batches)), []).append(each[0].label)
    told = "; ".join(f"{said}: {', '.join(sorted(labels))}" for (_, said), labels in sorted(found.items()))
    return f"faster than {references[0].label} {told}"


def _said(found: BatchBreakEven, batches: Sequence[int]) -> str:
    if found.batch is None:
        return f"at none of the batches {', '.join(map(str, batches))}"
    lost = f", though not at {', '.join(map(str, found.lost_again))}" if found.lost_again else ""
    return f"from batch {found.batch} on{lost}"


def _way(row: Row) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in WAY)
