"""Memory that a process has, and growth that is a leak."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.errors import BenchError
from benchmarks.measuring import growth, resident


def steps(calls: int, grow: Callable[[int], int], seed: int = 0) -> list[int]:
    draw = random.Random(seed)  # noqa: S311 - noise, not a secret
    return [100_000_000 + grow(call) + draw.randrange(0, 262_144, 4096) for call in range(calls)]


@pytest.mark.parametrize("calls", [12, 64, 256])
def test_growth_with_every_call_is_a_leak(calls: int) -> None:
    samples = steps(calls, lambda call: 300_000 * call)
    assert growth.leaks(samples) and growth.growth_per_call(samples) == pytest.approx(300_000, rel=0.1)


@pytest.mark.parametrize(
    "grow",
    [
        lambda _: 0,
        lambda call: 20_000_000 if call > 100 else 0,  # one allocation for good
        lambda call: 50_000_000 * (call < 100),  # given back
        lambda call: min(call, 60) * 500_000,  # a pool that is filled
        lambda call: (call % 50) * 1_000_000,  # garbage, collected now and then
        lambda call: call * 1_000,  # less than an allocator's portion in all
    ],
)
def test_other_growth_is_none(grow: Callable[[int], int]) -> None:
    assert not any(growth.leaks(steps(256, grow, seed)) for seed in range(5))


def test_growth_of_nothing() -> None:
    assert growth.growth_per_call([5]) == 0.0 and not growth.leaks([5] * 12)


def test_memory_is_read_in_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t    1692 kB\n", encoding="ascii")
    monkeypatch.setattr(resident, "STATUS", status)
    assert resident.memory_bytes("VmHWM") == 1692 * 1024
    with pytest.raises(BenchError, match="status: there is no RssAnon; memory cannot be measured on this system"):
        resident.memory_bytes("RssAnon")
    monkeypatch.setattr(resident, "STATUS", tmp_path / "none")
    with pytest.raises(BenchError, match="none: No such file or directory; memory is measured on Linux only"):
        resident.memory_bytes("VmHWM")
