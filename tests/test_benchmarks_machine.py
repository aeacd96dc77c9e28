"""What is read of the machine, on made-up ones; and what would spoil a measurement there."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import benchmarks
from benchmarks.execution import diagnose, diagnosis, outcome
from benchmarks.machine import energy, facts, graphics, groups, load, processor, software
from benchmarks.machine.load import Ticks

VERSION_2 = {
    "proc/self/cgroup": "0::/user.slice/run.scope\n",
    "proc/self/mounts": "sysfs /sys sysfs rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n",
    "sys/fs/cgroup/user.slice/run.scope/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/user.slice/run.scope/memory.max": "4294967296\n",
    "sys/fs/cgroup/user.slice/memory.max": "max\n",
    "sys/fs/cgroup/user.slice/run.scope/memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\n",
}
VERSION_1 = {
    "proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
    "proc/self/mounts": "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n",
    # In a container the group that /proc names is the root of what is mounted.
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
    "sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
}
UNLIMITED = {
    "proc/self/cgroup": "4:memory:/\n3:cpu:/\n",
    "proc/self/mounts": "c /m cgroup rw,memory 0 0\nc /c cgroup rw,cpu 0 0\n",
    "c/cpu.cfs_quota_us": "-1\n",
    "c/cpu.cfs_period_us": "100000\n",
    "m/memory.limit_in_bytes": "9223372036854771712\n",
    "proc/vmstat": "nr_free_pages 5\noom_kill 11\n",
}


def files(root: Path, contents: dict[str, str]) -> Path:
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("contents", "quota", "limit", "kills"),
    [(VERSION_2, 1.5, 4 << 30, 2), (VERSION_1, 0.5, 2 << 30, 7), (UNLIMITED, None, None, 11), ({}, None, None, 0)],
)
def test_what_control_groups_allow(
    tmp_path: Path, contents: dict[str, str], quota: float | None, limit: int | None, kills: int
) -> None:
    root = files(tmp_path, contents)
    assert groups.processor_quota(root) == quota
    assert groups.memory_limit_bytes(root) == limit
    assert groups.memory_kills(root) == kills


@pytest.mark.parametrize(("quota", "threads"), [(None, 4), (8.0, 4), (2.5, 2), (1.5, 1), (0.5, 1)])
def test_threads_are_what_affinity_and_quota_leave(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, threads: int
) -> None:
    monkeypatch.setattr(processor, "usable_cores", lambda: 4)
    monkeypatch.setattr(groups, "processor_quota", lambda: quota)
    assert processor.threads_available() == threads


def test_affinity_bounds_the_cores() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from benchmarks.machine import processor; print(processor.usable_cores(), processor.threads_available())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize(
    ("contents", "name"),
    [
        ({"proc/cpuinfo": "processor\t: 0\nmodel name\t: Test CPU @ 2.0GHz\nflags\t: fpu\n"}, "Test CPU @ 2.0GHz"),
        ({"proc/cpuinfo": "BogoMIPS\t: 50\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"},
         "CPU implementer 0x41 CPU part 0xd0c"),
        ({"proc/cpuinfo": "processor\t: 0\n", "proc/device-tree/model": "A Board Model 4\0"}, "A Board Model 4"),
    ],
)  # fmt: skip
def test_the_processors_name(tmp_path: Path, contents: dict[str, str], name: str) -> None:
    assert processor.cpu_name(files(tmp_path, contents)) == name


def test_what_controls_the_clock(tmp_path: Path) -> None:
    assert processor.frequency_control(tmp_path) == {"governor": None, "turbo": None}
    cpus = "sys/devices/system/cpu"
    root = files(tmp_path, {
        f"{cpus}/cpu0/cpufreq/scaling_governor": "powersave\n",
        f"{cpus}/cpu1/cpufreq/scaling_governor": "performance\n",
        f"{cpus}/intel_pstate/no_turbo": "1\n",
    })  # fmt: skip
    assert processor.frequency_control(root) == {"governor": "performance, powersave", "turbo": False}


def test_the_lasting_facts_are_json_and_name_the_machine() -> None:
    found = facts.lasting()
    assert json.loads(json.dumps(found)) == found
    assert re.fullmatch(r"[a-z0-9-]+", found["name"])
    assert found["name"].endswith("cores") or found["gpus"]
    assert 1 <= found["threads_available"] <= found["logical_cores"]
    assert found["memory_bytes"] > 2**28
    assert facts.lasting() == found


def test_a_name_leaves_out_what_every_processor_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "cpu_name", lambda: "Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz")
    monkeypatch.setattr(processor, "threads_available", lambda: 8)
    monkeypatch.setattr(graphics, "facts", lambda: [{"name": "NVIDIA H100 80GB"}] * 2)
    assert facts.lasting()["name"] == "intel-core-i7-9700-8-cores-nvidia-h100-80gb"


def stat(path: Path, cpus: list[int], busy: int, stolen: int) -> Path:
    """Write /proc/stat with so many ticks of busy (user, nice, system, irq, softirq) and stolen time on each core."""
    fifth = busy // 5
    lines = [f"cpu{cpu} {fifth} {fifth} {fifth} 90000 777 {fifth} {fifth} {stolen} {fifth} 0" for cpu in cpus]
    path.write_text("\n".join(["cpu  1 2 3 4 5 6 7 8 9 10", *lines, "intr 5 6", "ctxt 7"]) + "\n", encoding="utf-8")
    return path


def test_busy_time_is_that_of_our_cores_without_waiting_and_guests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
    second = os.sysconf("SC_CLK_TCK")
    found = load.ticks(stat(tmp_path / "stat", [0, 1, 2, 3], busy=5 * second, stolen=2 * second))
    assert found is not None
    assert (found.busy, found.stolen) == (10.0, 4.0)
    assert load.ticks(tmp_path / "none") is None
    assert load.ticks(stat(tmp_path / "stat", [], 5, 0)) is None


def test_what_others_used_is_what_neither_the_child_nor_we_did() -> None:
    before = Ticks(when=100.0, busy=50.0, stolen=1.0, ours=2.0)
    after = Ticks(when=110.0, busy=68.0, stolen=2.5, ours=2.5)
    found = load.between(before, after, child_seconds=15.0)
    assert found.others_cores == pytest.approx((18.0 - 0.5 - 15.0) / 10)
    assert found.stolen_cores == pytest.approx(0.15)
    rounded = load.between(before, after, child_seconds=18.0)  # clocks tick: a child may seem to use more than all did
    assert rounded.others_cores == 0.0
    assert load.between(None, after, 1.0).others_cores is None


def test_a_busy_process_is_found_by_its_cores() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as process:
        try:
            found = load.busy_processes(seconds=0.6, least_cores=0.1)
        finally:
            process.kill()
    (own,) = [each for each in found if each.pid == process.pid]
    assert 0.1 <= own.cores <= 1.3
    assert os.getpid() not in [each.pid for each in found]


QUIET: dict[str, Any] = {"others_cores": 0.01, "stolen_cores": 0.0}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (QUIET, []),
        ({"others_cores": None, "stolen_cores": None}, []),
        ({**QUIET, "others_cores": 0.5},
         ["the machine was busy: other processes kept 0.50 cores busy, at most 0.1 are allowed"]),
        ({**QUIET, "stolen_cores": 0.2},
         ["the machine was busy: its host gave 0.20 cores to others, at most 0.1 are allowed"]),
        ({**QUIET, "gpu": {"processes": 2, "throttled_by": ["power limit"]}},
         ["the GPU was shared: 2 other processes use it"]),
        ({**QUIET, "gpu": {"processes": 0, "throttled_by": ["power limit", "thermal (hardware)"]}},
         ["the GPU was throttled: thermal (hardware)"]),
        ({**QUIET, "gpu": {"processes": None, "throttled_by": None}}, []),
        ({**QUIET, "gpu": {}}, []),
    ],
)  # fmt: skip
def test_what_disturbs_a_measurement(state: dict[str, Any], told: list[str]) -> None:
    assert outcome.disturbances(state, 0.1) == told


class FakeNvml:
    """A driver with two GPUs; the first does not tell its power."""

    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0

    class NVMLError(Exception):
        pass

    def __init__(self, *, broken: bool = False) -> None:
        self.broken, self.open = broken, 0

    def nvmlInit(self) -> None:  # noqa: N802 - NVML's own names, here and below
        if self.broken:
            raise self.NVMLError("Driver Not Loaded")
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index > 1:
            raise self.NVMLError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> int:  # noqa: N802
        return {"GPU-first": 0, "GPU-second": 1}[name]

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        if handle == 0:
            raise self.NVMLError("Not Supported")
        return 250_000

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: int) -> int:  # noqa: N802
        return (0x1, 0x4 | 0x40)[handle]

    def __getattr__(self, name: str) -> Any:
        known = {
            "nvmlSystemGetDriverVersion": "580.1", "nvmlSystemGetCudaDriverVersion": 13010, "nvmlDeviceGetCount": 2,
            "nvmlDeviceGetName": "Test GPU", "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80 << 30),
            "nvmlDeviceGetClockInfo": 1500, "nvmlDeviceGetMaxClockInfo": 1980, "nvmlDeviceGetTemperature": 60,
            "nvmlDeviceGetComputeRunningProcesses": [],
        }  # fmt: skip
        return lambda *_: known[name]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake


def test_gpus_as_the_driver_tells_them(nvml: FakeNvml) -> None:
    gpu = {"name": "Test GPU", "memory_bytes": 80 << 30, "driver": "580.1", "cuda": "13.1"}
    assert graphics.facts() == [gpu, gpu]
    assert graphics.problem() == ""
    first, second = graphics.state(0), graphics.state(1)
    assert first["power_watts"] is None
    assert (first["clock_mhz"], first["highest_clock_mhz"], first["throttled_by"]) == (1500, 1980, [])
    assert (second["power_watts"], second["throttled_by"]) == (250.0, ["power limit", "thermal (hardware)"])
    assert graphics.state(7) == {}
    assert nvml.open == 0


@pytest.mark.usefixtures("nvml")
@pytest.mark.parametrize(("visible", "watts"), [("1", 250.0), ("GPU-second", 250.0), ("0", None), ("1,0", 250.0)])
def test_gpus_are_counted_as_cuda_counts_them(
    monkeypatch: pytest.MonkeyPatch, visible: str, watts: float | None
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert graphics.state(0)["power_watts"] == watts


def test_without_a_driver_or_its_library_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(broken=True))
    assert (graphics.facts(), graphics.state(0)) == ([], {})
    assert graphics.problem() == "NVML says: Driver Not Loaded"
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert (graphics.facts(), graphics.state(0)) == ([], {})
    assert graphics.problem() == "nvidia-ml-py is not installed; pip install faceport[bench]"


def test_energy_needs_a_real_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "shows no energy counter (RAPL)" in energy.problem("cpu", tmp_path)
    files(tmp_path, {"intel-rapl:0/energy_uj": "1"})
    assert energy.problem("cpu", tmp_path) == ""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "may be read by root only; sudo chmod a+r" in energy.problem("cpu", tmp_path)
    monkeypatch.setattr(graphics, "problem", lambda: "no driver")
    assert energy.problem("cuda:0") == "no driver"


def test_versions_are_those_of_whichever_distribution_brings_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"onnxruntime-gpu": "1.31", "numpy": "2.4"}
    monkeypatch.setattr(software, "installed", lambda name: there.get(name, ""))
    assert software.versions(["onnxruntime", "numpy", "torch"]) == there
    assert (software.version("onnxruntime"), software.version("torch")) == ("1.31", "")


def test_the_code_that_measures_has_a_hash_and_documents_do_not_change_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "benchmarks"
    files(folder, {"__init__.py": "", "cells.py": "a", "measuring/one.py": "b", "tables/two.py": "c"})
    monkeypatch.setattr(benchmarks, "__file__", str(folder / "__init__.py"))

    def again() -> str:
        software.code_sha256.cache_clear()
        return software.code_sha256()

    before = again()
    files(folder, {"tables/two.py": "changed", "README.md": "changed"})
    assert again() == before
    files(folder, {"measuring/one.py": "changed"})
    assert again() != before
    software.code_sha256.cache_clear()


def test_the_commit_is_that_of_the_project_and_not_of_one_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not there")

    def git(*words: str) -> str:
        identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
        done = subprocess.run(
            [program, *identity, "-C", str(tmp_path), *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    files(tmp_path, {"benchmarks/__init__.py": "", "venv/lib/benchmarks/__init__.py": ""})
    git("init", "--quiet")
    monkeypatch.setattr(benchmarks, "__file__", str(tmp_path / "benchmarks/__init__.py"))
    assert software.commit() == ("", False)
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    assert software.commit() == (git("rev-parse", "HEAD"), False)
    files(tmp_path, {"benchmarks/__init__.py": "changed"})
    assert software.commit() == (git("rev-parse", "HEAD"), True)
    monkeypatch.setattr(benchmarks, "__file__", str(tmp_path / "venv/lib/benchmarks/__init__.py"))
    assert software.commit() == ("", False)


class TestDiagnosis:
    """What `bench doctor` finds on a machine that was made up."""

    @pytest.fixture(autouse=True)
    def _quiet_and_complete(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine: dict[str, Any] = {
            "threads_available": 4, "processor_quota": None, "logical_cores": 4, "cores": 4, "virtual": False,
            "governor": "performance", "turbo": False, "memory_limit_bytes": None, "gpus": [],
        }  # fmt: skip
        monkeypatch.setattr(facts, "lasting", lambda: self.machine)
        monkeypatch.setattr(load, "busy_processes", list)
        monkeypatch.setattr(load, "load_average", lambda: 0.1)
        monkeypatch.setattr(processor, "usable_cores", lambda: 4)
        monkeypatch.setattr(diagnosis, "clashes", list)
        monkeypatch.setattr(software, "installed", lambda _: "")
        monkeypatch.setattr(software, "version", lambda _: "1.0")
        monkeypatch.setattr(software, "commit", lambda: software.Commit("abc", dirty=False))
        monkeypatch.setattr(graphics, "problem", lambda: "")
        monkeypatch.setattr(energy, "problem", lambda _: "")
        plenty = SimpleNamespace(total=8 << 30, available=6 << 30)
        monkeypatch.setattr(diagnosis.psutil, "virtual_memory", lambda: plenty)
        monkeypatch.setattr(diagnosis.psutil, "sensors_battery", lambda: None, raising=False)
        for name in list(os.environ):
            if name.startswith(diagnosis.DROPPED) or name == "LD_PRELOAD":
                monkeypatch.delenv(name)

    def found(self) -> list[tuple[str, str]]:
        return [(each.kind, each.text) for each in diagnose().findings]

    def test_a_quiet_machine_has_nothing_to_be_told(self) -> None:
        assert self.found() == []
        assert diagnose().healthy

    def test_what_is_broken_comes_first_and_is_not_healthy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(diagnosis, "clashes", lambda: ["two builds are installed"])
        monkeypatch.setattr(software, "installed", lambda name: "4" if name in software.SAME[2][:2] else "")
        self.machine["turbo"] = True
        told = self.found()
        assert told[0] == ("broken", "two builds are installed")
        assert told[1][1].startswith("opencv-python-headless and opencv-python are installed side by side")
        assert told[-1][0] == "note"
        assert not diagnose().healthy

    def test_load_is_told_with_who_makes_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(load, "load_average", lambda: 9.0)
        assert self.found() == [("disturbs", "the load was 9.0 in the last minute; wait until it has fallen")]
        monkeypatch.setattr(load, "busy_processes", lambda: [load.Busy(5, "compiler", 0.75)])
        ((kind, text),) = self.found()
        assert kind == "disturbs"
        assert text.startswith("other processes keep 0.75 cores busy: compiler (0.75 cores)")

    def test_what_the_machine_cannot_keep_steady(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine |= {
            "governor": "powersave", "processor_quota": 1.5, "threads_available": 1, "virtual": True, "cores": 2,
            "memory_limit_bytes": 1 << 30, "logical_cores": 8,
        }  # fmt: skip
        scarce = SimpleNamespace(total=8 << 30, available=1 << 28)
        monkeypatch.setattr(diagnosis.psutil, "virtual_memory", lambda: scarce)
        battery = SimpleNamespace(power_plugged=False)
        monkeypatch.setattr(diagnosis.psutil, "sensors_battery", lambda: battery, raising=False)
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        monkeypatch.setenv("LD_PRELOAD", "libmalloc.so")
        monkeypatch.setattr(software, "commit", lambda: software.Commit("abc", dirty=True))
        told = "\n".join(f"{kind}: {text}" for kind, text in self.found())
        for words in (
            "disturbs: the clock's governor is 'powersave'",
            "disturbs: the machine runs on its battery",
            "disturbs: a control group allows 1.5 of 4 processors' time",
            "measure with at most 1 threads",
            "disturbs: only 256 MiB of memory are free",
            "disturbs: LD_PRELOAD=libmalloc.so changes every process",
            "note: this process may run on 4 of 8 logical cores",
            "note: 4 logical cores share 2 physical ones",
            "note: a virtual machine",
            "note: a control group allows 1024 MiB of memory",
            "note: set here, but kept from what is measured: OMP_NUM_THREADS",
            "note: the project's files differ from the last commit",
        ):
            assert words in told

    def test_what_is_missing_is_told_with_what_brings_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(software, "version", lambda name: "" if name == "openvino" else "1")
        monkeypatch.setattr(energy, "problem", lambda _: "there is no counter")
        told = self.found()
        assert ("missing", "energy of the processor: there is no counter") in told
        (line,) = [text for kind, text in told if "openvino" in text]
        assert line.startswith("runner openvino: openvino is not installed; pip install faceport[")

    @pytest.mark.usefixtures("nvml")
    def test_other_users_of_a_gpu_and_what_slows_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine["gpus"] = [{"name": "Test GPU"}]
        monkeypatch.setattr(graphics, "state", lambda _: {"processes": 2, "throttled_by": ["power brake"]})
        assert self.found() == [
            ("disturbs", "cuda:0 (Test GPU) is used by 2 other processes"),
            ("disturbs", "cuda:0 (Test GPU) is throttled: power brake"),
        ]
