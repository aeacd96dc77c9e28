"""How the results of conversions look when printed."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from rich.text import Text

from converters import formats
from converters.command_line.terminal import BYTES, COUNTS, amount, out, say, sizes, table, warn
from converters.conversion.inspection import Inspection
from converters.conversion.pipeline import Conversion
from converters.conversion.proof import Trial
from converters.conversion.verification import Verification
from converters.doctor import diagnosis
from converters.support import Support


def show_conversion(done: Conversion) -> None:
    """Print the parity table and a summary of a conversion."""
    if done.trials:
        show_trials(done.trials)
    else:
        say("not verified: nothing is claimed about what this model computes", "yellow")
    if done.trials and done.dtype == "float16":
        loss = max(trial.report.largest for trial in done.trials)
        say(f"float16 costs up to {loss:.1e} of a value's maximum, compared with float32")
    for axis, reason in done.open_axes.reasons.items():
        say(f"the {axis} is fixed: {reason}")
    kept = f"; open axes: {', '.join(done.open_axes.axes)}" if done.open_axes.axes else ""
    written = [f"{path} ({amount(path.stat().st_size, BYTES)})" for path in done.files]
    alone = f" {written[0]}" if len(written) == 1 else f" {len(written)} files"
    say(f"wrote{alone} in {done.write_seconds:.2f} s{kept}")
    for line in written if len(written) > 1 else ():
        say(f"  {line}")
    if done.certificate:
        say(f"certificate: {done.certificate}")


def show_trials(trials: Sequence[Trial]) -> None:
    """Print every compared node with its difference in each trial, and the verdict."""
    titles = [trial.title if trial.seed is None else trial.title.replace(" ", "\n") for trial in trials]
    columns = [title if titles.count(title) == 1 else f"{title} ({index})" for index, title in enumerate(titles)]
    shown = table("node", "op", "output", *columns, numbers=columns, kept="node", shortened="op")
    found = [{node.node: node for node in trial.report.nodes} for trial in trials]
    nodes = {node.node: node for trial in trials for node in trial.report.nodes}
    for name, latest in nodes.items():
        node = found[0].get(name, latest)
        shown.add_row(node.node, node.op, sizes(node.shape), *(_difference(by_name.get(name)) for by_name in found))
    say("largest difference from the reference, as a fraction of the value's largest:")
    out.print(shown)
    for trial in trials:
        show_verdict(trial)


def _difference(node: Any) -> Text:
    if node is None:
        return Text("-", "dim")
    text = f"{node.difference:.1e}" if isfinite(node.difference) else "not equal"
    return Text(text if node.ok else f"{text} !", "" if node.ok else "bold red")


def show_verdict(trial: Trial) -> None:
    """Print what one trial came to: how many values agree, the largest difference and where it is, what was fed."""
    report = trial.report
    warn([f"{trial.title}: {warning}" for warning in report.warnings])
    if report.ok:
        count = len(report.nodes)
        agree = f"all {count} values agree" if count > 1 else "the one value compared agrees"
        say(f"{trial.title}: {agree} (tolerance {report.tolerance:g})", "green")
    else:
        say(f"{trial.title}: differs (tolerance {report.tolerance:g})", "bold red")
    fed = ", ".join(f"{name} {sizes(shape)}" for name, shape in trial.shapes.items())
    seed = "" if trial.seed is None else f", seed {trial.seed}"
    say(f"  fed {fed}{seed}; reference {trial.reference_seconds:.2f} s, target {trial.target_seconds:.2f} s")
    worst = max(report.nodes, key=lambda node: node.difference, default=None)
    if worst is not None and isfinite(worst.difference):
        say(f"  largest difference {worst.difference:.1e}, at {worst.node}")
    for node in report.nodes:
        if node.ok and node.note:
            say(f"  {node.node}: {node.difference:.1e}, {node.note}")
    if report.not_compared:
        say(f"  not returned, and so not compared: {_some(report.not_compared)}")


def conversion_json(done: Conversion) -> dict[str, Any]:
    """Return a conversion as plain values."""
    return {
        "name": done.graph.name,
        "target": done.target.name,
        "dtype": done.dtype,
        "files": {str(path): path.stat().st_size for path in done.files},
        "verified": bool(done.trials),
        "certificate": str(done.certificate) if done.certificate else None,
        "open_axes": list(done.open_axes.axes),
        "fixed_axes": dict(done.open_axes.reasons),
        "warnings": list(done.graph.warnings),
        "trials": [trial_json(trial) for trial in done.trials],
        "write_seconds": round(done.write_seconds, 4),
    }


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:3])} ... {names[-1]} ({len(names)} values)"


def trial_json(trial: Trial) -> dict[str, Any]:
    """Return a trial as plain values; a difference that is no number is null."""
    report = trial.report
    return {
        "title": trial.title,
        "shapes": {name: list(shape) for name, shape in trial.shapes.items()},
        "seed": trial.seed,
        "ok": report.ok,
        "tolerance": report.tolerance,
        "largest": report.largest if isfinite(report.largest) else None,
        "nodes": {
            node.node: {
                "op": node.op,
                "shape": list(node.shape),
                "difference": node.difference if isfinite(node.difference) else None,
                "ok": node.ok,
                "note": node.note,
            }
            for node in report.nodes
        },
        "not_compared": list(report.not_compared),
        "warnings": list(report.warnings),
        "problems": trial.problems(),
        "reference_seconds": round(trial.reference_seconds, 4),
        "target_seconds": round(trial.target_seconds, 4),
    }


def show_verification(found: Verification) -> None:
    """Print how two models compare."""
    for note in found.notes:
        say(note)
    if found.trials:
        show_trials(found.trials)
    if found.agreement:
        for line in found.agreement.lines:
            say(line)
        if found.agreement.same:
            apart = (
                ", but for the flipped channels of the first convolution" if found.agreement.channels_swapped else ""
            )
            say(f"they are the same network{apart}", "green")


def verification_json(found: Verification) -> dict[str, Any]:
    """Return a verification as plain values."""
    agreement = found.agreement
    return {
        "against": found.against,
        "ok": found.ok,
        "notes": list(found.notes),
        "trials": [trial_json(trial) for trial in found.trials],
        "agreement": agreement
        and {
            "same": agreement.same,
            "channels_swapped": agreement.channels_swapped,
            "difference": agreement.difference if isfinite(agreement.difference) else None,
            "lines": list(agreement.lines),
        },
        "problems": found.problems(),
    }


def show_inspection(found: Inspection) -> None:
    """Print a network: its nodes, totals, preprocessing, labels and axes."""
    shown = table(
        "node", "op", "output", "parameters", "MACs", numbers=("parameters", "MACs"), kept="node", shortened="op"
    )
    for row in found.rows:
        counts = [f"{count:,}" if count else "" for count in (row.parameters, row.macs)]
        shown.add_row(row.node, row.op, sizes(row.shape), *counts)
    shown.add_section()
    shown.add_row(f"{len(found.rows)} nodes", "", "", f"{found.parameters:,}", f"{found.macs:,}")
    say(f"{found.name} ({found.format}{'' if found.weights else ', without weights'})", "bold")
    out.print(shown)
    for title, facts in _facts(found).items():
        out.print(Text(f"{title:<15}"), Text(facts), soft_wrap=not out.is_terminal)


def _facts(found: Inspection) -> Mapping[str, str]:
    stated = [f"{name} {_words(value)}" for name, value in found.preprocessing.items()]
    first = f": {', '.join(found.labels[:3])} ..." if len(found.labels) > 3 else f": {', '.join(found.labels)}"
    axes = {axis: why or "may stay open" for axis, why in found.open_axes.items()}
    return {
        "inputs": ", ".join(f"{name} {sizes(shape)}" for name, shape in found.inputs.items()),
        "outputs": ", ".join(f"{name} {sizes(shape)}" for name, shape in found.outputs.items()),
        "size": f"{amount(found.parameters, COUNTS)} parameters, {amount(4 * found.parameters, BYTES)} as float32, "
        f"{amount(found.macs, COUNTS)} MACs",
        "preprocessing": ", ".join(stated) or "not stated; give it with --channel-order, --mean and --scale",
        **({"channel order": found.channel_order} if found.channel_order else {}),
        "labels": f"{len(found.labels)}{first}" if found.labels else "none; give them with --labels",
        **({"licence": found.licence} if found.licence else {}),
        **axes,
    }


def _words(value: Any) -> str:
    return " ".join(f"{item:g}" for item in value) if isinstance(value, list) else str(value)


def show_diagnosis(found: diagnosis.Diagnosis) -> None:
    """Print what `doctor` found."""
    for name, value in found.system.items():
        say(f"{name:<12}{value}")
    out.print()
    installed = table("extra", "library", "version")
    for extra in found.extras:
        for index, library in enumerate(extra.libraries):
            version = library.version or f"missing: pip install '{formats.DISTRIBUTION}[{extra.name}]'"
            installed.add_row(
                "" if index else extra.name, library.name, Text(version, "" if library.version else "yellow")
            )
    out.print(installed)
    out.print()
    devices = table("runtime", "device", "runs")
    for device in found.devices:
        devices.add_row(
            device.runtime, device.name, Text(device.problem or "yes", "yellow" if device.problem else "green")
        )
    out.print(devices)


def show_support(found: Support) -> None:
    """Print which layers have a form in which targets."""
    titles = [formats.TARGETS[target].title for target in found.targets]
    for source in formats.SOURCES.values():
        shown = table(f"{source.title} layer", *titles)
        for layer in found.layers:
            if layer.source == source.name:
                marks = [layer.targets.get(target, "?") for target in found.targets]
                cells = [Text(mark, "" if mark == "yes" else "yellow") for mark in marks]
                shown.add_row(layer.name, *cells)
        out.print(shown)
        if found.without_op[source.name]:
            say(f"read, and gone in the deployed network: {', '.join(found.without_op[source.name])}")
        out.print()
    for target, how in found.missing.items():
        warn([f"{formats.TARGETS[target].title} is not shown: {how}"])
