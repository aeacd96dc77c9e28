"""Whether the figures of a row may be printed, and if not, why.

A row has figures of speed only if every round of it was measured, passed parity in the very process that was timed, and
raised no doubts. One failed round of many takes the row with it: what breaks now and then is no route to recommend, and
the rounds that went well are a choice of the lucky ones. The second twin of an A/A pair counts there too, its doubts
aside. A process of another scenario that gave wrong answers takes the row as well; any other failure there only leaves
that scenario's figures out, with a word in `reason`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.records.result import Result
from benchmarks.statistics.gathering import TIMED, Group

WRONG, UNPROVED, DOUBTFUL = "wrong answers", "no parity", "doubtful"


@dataclass(frozen=True)
class Verdict:
    """`verdict` is "ok" or one or two words for what is wrong; `reason` may hold remarks on a row that is ok."""

    ok: bool = True
    verdict: str = "ok"
    reason: str = ""


def judge(group: Group) -> Verdict:
    """Return whether a row's figures may be printed."""
    timed = [group.of(scenario) for scenario in TIMED]
    others = [
        group.of(scenario) for scenario in dict.fromkeys(r.scenario for r in group.results) if scenario not in TIMED
    ]
    for rounds in timed:
        found = _trouble(rounds)
        if found:
            return Verdict(False, *found)
    for found in filter(None, map(trouble, group.second_twins)):
        if found[0] != DOUBTFUL:
            return Verdict(False, found[0], f"measured a second time: {found[1]}")
    remarks = []
    for rounds in others:
        found = _trouble(rounds)
        if found and found[0] == WRONG:
            return Verdict(False, WRONG, f"{rounds[0].scenario}: {found[1]}")
        if found:
            remarks.append((found[0], f"{rounds[0].scenario}: {found[1]}"))
    reason = "; ".join(reason for _, reason in remarks)
    if remarks and not any(timed) and len(remarks) == sum(map(bool, others)):
        return Verdict(False, remarks[0][0], reason)
    return Verdict(reason=reason)


def valid(results: Sequence[Result]) -> bool:
    """Return whether figures of these rounds may be printed: there are some, and all of them are sound."""
    return bool(results) and _trouble(results) is None


def _trouble(rounds: Sequence[Result]) -> tuple[str, str] | None:
    """Return verdict and reason where not all rounds are sound."""
    troubles = [(result, found) for result in rounds if (found := trouble(result))]
    if not troubles:
        return None
    verdict = troubles[0][1][0]
    reasons = list(dict.fromkeys(reason for _, (_, reason) in troubles))
    if len(troubles) == len(rounds) and len(reasons) == 1:
        return verdict, reasons[0]
    told = "; ".join(f"round {result.round}: {reason}" for result, (_, reason) in troubles)
    what = DOUBTFUL if all(found[0] == DOUBTFUL for _, found in troubles) else "failed"
    return verdict, f"{len(troubles)} of {len(rounds)} rounds {what}: {told}"


def trouble(result: Result) -> tuple[str, str] | None:
    """Return verdict and reason of one result that may not be printed, None for a sound one."""
    measured = result.measured
    parity = measured.parity
    if parity is not None and not parity.ok:
        return WRONG, measured.reason or (
            f"differs from the reference by {parity.difference:.2g} of the largest value, "
            f"{parity.tolerance if parity.tolerance is not None else 'no limit'} is allowed; "
            f"{parity.disagreements} of {parity.images} answers differ"
        )
    if measured.status != "ok":
        return measured.status, measured.reason or f"ended with exit status {result.exit_status}"
    if parity is None and result.scenario in TIMED:
        return UNPROVED, "the timed process was not compared with the reference"
    if measured.verdicts:
        return DOUBTFUL, "; ".join(measured.verdicts)
    if result.scenario in TIMED and measured.timing is None:
        return "failed", "no call was timed"
    return None
