"""Scenarios with parts of their own: accuracy and peak, called on demand, and energy from a machine's counters."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import bench_fakes
from bench_checked import checked
from benchmarks.cells import Limits
from benchmarks.measuring import energy


@pytest.fixture(autouse=True)
def _short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_FAKE_MS", "0.2")


@pytest.mark.parametrize("scenario", ["accuracy", "peak"])
def test_parts_of_others_are_called_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scenario: str) -> None:
    fields = {
        "accuracy": {"head": "h", "positive": "woman", "predictions": []},
        "peak": {
            "multiply_adds_per_second": 1e9, "bytes_per_second": 1e9, "precision": "fp32-strict", "device": "cpu",
            "threads": 1, "with_library": "numpy",
        },
    }  # fmt: skip
    calls: list[tuple[Any, ...]] = []
    stand_in = SimpleNamespace(measure=lambda *given: calls.append(given) or fields[scenario])
    monkeypatch.setitem(sys.modules, f"benchmarks.measuring.{scenario}", stand_in)
    measured = checked(bench_fakes.task(tmp_path, scenario=scenario))
    assert measured.status == "ok" and getattr(measured, scenario) is not None
    assert (measured.parity is not None) == (scenario == "accuracy") == (len(calls[0]) == 2)


def test_without_a_counter_there_is_no_energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "powercap")
    measured = checked(bench_fakes.task(tmp_path, scenario="energy"))
    assert measured.status == "refused" and measured.energy is None
    assert measured.reason.startswith("no energy counter can be read here: RAPL's energy_uj below ")


def zone(folder: Path, name: str, energy_uj: str, most: int = 10_000_000) -> Path:
    folder.mkdir(parents=True)
    for file, text in (("name", name), ("energy_uj", energy_uj), ("max_energy_range_uj", str(most))):
        (folder / file).write_text(f"{text}\n", encoding="ascii")
    return folder / "energy_uj"


def test_energy_is_what_the_packages_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = zone(tmp_path / "intel-rapl:0", "package-0", "9000000")
    zone(tmp_path / "intel-rapl:0" / "intel-rapl:0:0", "core", "7")
    zone(tmp_path / "intel-rapl:0:0", "core", "7")
    zone(tmp_path / "intel-rapl:1", "psys", "7")
    zone(tmp_path / "intel-rapl:2", "package-1", "not readable")
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    with energy.counters("cpu") as found:
        assert [each.name for each in found] == ["RAPL package-0"]
        meter = energy.Meter(found)
        counter.write_text("9500000\n", encoding="ascii")
        assert meter.read() == pytest.approx(0.5)
        counter.write_text("500000\n", encoding="ascii")  # began anew at 10 J
        assert meter.read() == pytest.approx(1.5)
    limits = Limits(least_samples=11, seconds=0.2, warm_up_seconds=0.3)
    measured = checked(bench_fakes.task(tmp_path, scenario="energy", limits=limits))
    assert measured.energy is not None and measured.energy.calls >= 11 and measured.energy.joules == 0.0
    assert measured.energy.counter == "RAPL package-0" and measured.timing is None
