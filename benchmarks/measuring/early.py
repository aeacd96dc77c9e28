"""Did a call return before its answer was there? Such a runtime is timed too fast."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter_ns

from benchmarks.measuring.timed import Stretch
from benchmarks.runners import Runner

# What remains after a call may take so much of it, and so long, before it counts.
SHARE, SHORTEST_NS = 0.05, 20_000
LOOK_SHARE, SHORTEST_LOOK_NS = 0.10, 100_000
WAITS = 9


def early_answers(runner: Runner, stretch: Stretch) -> list[str]:
    """Return verdicts on calls that left something to be done: by `wait`, or by whoever looks at the answer."""
    call = median(one + other for one, other in zip(stretch.latency_ns, stretch.wait_ns, strict=True))
    remained = median(stretch.wait_ns) - waiting_for_nothing(runner)
    verdicts = []
    if remained > max(SHARE * call, SHORTEST_NS):
        verdicts.append(f"answered too early: {remained / call:.0%} of a call remained to be done after it returned")
    looked = looking(stretch)
    if looked > max(LOOK_SHARE * call, SHORTEST_LOOK_NS):
        verdicts.append(
            f"answered too early: looking at an answer for the first time takes {looked / 1e6:.3g} ms longer than the"
            f" second time, a call {call / 1e6:.3g} ms"
        )
    return verdicts


def waiting_for_nothing(runner: Runner) -> float:
    """Return the nanoseconds of `wait` where there is nothing to wait for."""
    times: list[int] = []
    runner.wait()
    for _ in range(WAITS):
        begin = perf_counter_ns()
        runner.wait()
        times.append(perf_counter_ns() - begin)
    return median(times)


def looking(stretch: Stretch) -> float:
    """Return by how many nanoseconds the first look at an answer takes longer than the second."""
    extra: Sequence[int] = [each.first_look_ns - each.second_look_ns for each in stretch.kept]
    return median(extra) if extra else 0.0
