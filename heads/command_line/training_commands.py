"""The commands that train heads and measure them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from converters.command_line import terminal
from converters.command_line.application import listed
from heads.command_line import arguments as arg
from heads.errors import DataError, UsageError
from heads.faces import SPLITS
from heads.models.head import Head, load_head

# A head's evaluations are kept beside it, one for each split; the first that is there counts.
BESTS = {
    "loss": "the lowest calibrated loss",
    "accuracy": "the highest accuracy",
    "macro": "the highest macro recall",
    "worst-group": "the highest accuracy of the worst group",
}
EVALUATIONS = {split: f"evaluation-{split}.json" for split in ("test", "val", "train")}


def train(given: Any) -> None:
    """Train heads and keep the best."""
    from heads.embeddings.loading import load_labelled
    from heads.recipes.reading import load_recipe
    from heads.training.train import train as trained

    recipes = [load_recipe(name) for name in given.recipes]
    options = _train_options(given)
    with terminal.progress() as progress:
        progress("reading embeddings", 0.0)
        labelled = load_labelled(given.embeddings)
        done = trained(labelled, recipes, options, given.out, progress)
    terminal.warn([*labelled.table.malformed, *done.warnings])
    if given.json:
        terminal.say_json(
            {
                "files": [str(path) for path in done.files],
                "head": {"recipe": done.head.recipe, "parameters": done.head.parameters, "facts": done.head.facts},
                "runs": json.loads(done.runs.to_json(orient="records")),
                "resumed": done.resumed,
                "warnings": list(done.warnings),
            }
        )
        return
    _show_runs(done)
    for told in done.head.facts["runs"]["seeds"]:
        if told["heads"] > 1:
            terminal.say(_spread(told))
    negative, positive = done.head.labels
    how = done.head.calibration
    terminal.say(
        f"chose {done.head.recipe} ({done.head.parameters:,} parameters) by {BESTS[given.selection]}; it tells "
        f"{positive} from {negative}, and gives the probability of {positive}: {positive} is said from "
        f"{how.threshold:.3g} on"
    )
    if how.abstain_from < how.abstain_to:
        terminal.say(f"between {how.abstain_from:.3g} and {how.abstain_to:.3g} it says nothing")
    terminal.say(f"wrote {given.out}{', going on from where it was stopped' if done.resumed else ''}")


def _spread(told: dict[str, Any]) -> str:
    """Return mean and standard deviation of what heads came to that differ in their seeds alone."""
    measured = ", ".join(
        f"{name.replace('_', ' ')} {told[name]['mean']:.4f} ± {told[name]['standard_deviation']:.4f}"
        for name in ("val_loss", "val_accuracy", "val_macro")
        if name in told
    )
    return f"{told['recipe']} at learning rate {told['learning_rate']:g}, {told['heads']} seeds: {measured}"


def _train_options(given: Any) -> Any:
    from heads.training.options import TrainOptions

    names = (
        "framework", "seeds", "initialisation_seed", "order_seed", "dropout_seed", "selection", "class_weights",
        "abstain_accuracy", "force",
    )  # fmt: skip
    band = arg.numbers(given.abstain_band, "--abstain-band")
    if band and len(band) != 2:
        raise UsageError(f"--abstain-band {given.abstain_band}: is to be two probabilities, LOW,HIGH")
    return TrainOptions(
        positive=given.positive or None,
        learning_rates=arg.numbers(given.learning_rates, "--learning-rates"),
        group=given.group or None,
        threshold=_threshold(given.threshold),
        abstain_band=band or None,
        **{name: getattr(given, name) for name in names},
    )


def _threshold(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _show_runs(done: Any) -> None:
    from heads.checks.plain import PlainTable
    from heads.command_line.printing import show_tables

    runs = done.runs.astype(object).where(done.runs.notna(), "")
    shown = [name for name in runs.columns if name != "warnings" and (runs[name].astype(str) != "").any()]
    rows = tuple(tuple(_told(name, row[name]) for name in shown) for _, row in runs.iterrows())
    show_tables([PlainTable("runs, measured on validation", tuple(name.replace("_", " ") for name in shown), rows)])
    for number, recipe, text in zip(runs["run"], runs["recipe"], runs.get("warnings", []), strict=False):
        if text and not all(part in done.warnings for part in text.split("; ")):  # those of the chosen one were told
            terminal.say(f"run {number} ({recipe}): {text}", "yellow")


def _told(name: str, value: Any) -> Any:
    """Return a value of a run as it is printed."""
    if name == "point":
        return ", ".join(f"{setting} {number:g}" for setting, number in json.loads(value or "{}").items())
    if name == "chosen":
        return "chosen" if value else ""
    if value == "":
        return None
    return float(f"{value:.4g}") if isinstance(value, float) else value


def evaluate(given: Any) -> None:
    """Measure a head on faces that it was not trained on."""
    from heads.embeddings.loading import load_labelled
    from heads.metrics import EvaluateOptions, compare
    from heads.metrics import evaluate as evaluated
    from heads.reports.document import as_json, comparison_json
    from heads.reports.tables import comparison_markdown, markdown

    _check_evaluation(given)
    head = load_head(given.head)
    options = EvaluateOptions(by=listed(given.by_groups), seed=given.seed, resamples=given.resamples)
    with terminal.progress() as progress:
        progress("reading embeddings", 0.0)
        part = load_labelled(given.embeddings, given.moved).part(given.part)
        scores = _scores(head, part)
        others = _scores(load_head(given.against), part) if given.against else None
        progress("resampling", 0.0)
        flattering = _flattering(given, part)
        found = evaluated(scores, options)
        found = replace(found, warnings=(*found.warnings, *flattering))
        compared = (
            compare(scores, others, names=(str(given.head), str(given.against)), options=options) if others else None
        )
    told = as_json(found, _facts(head, given, part))
    told |= {"comparison": comparison_json(compared)} if compared else {}
    files = _report(found, given, head, part, compared) if given.report else []
    _keep(given, told)
    if given.json:
        terminal.say_json({**told, "files": [str(path) for path in files]})
        return
    terminal.say(markdown(found))
    if compared:
        terminal.say(comparison_markdown(compared))
    terminal.warn(flattering)
    if files:
        _tell_missing(part)
        page = given.report / "report.html"
        begin = f"; begin with {page}" if page in files else ""
        terminal.say(f"wrote {len(files)} files into {given.report}{begin}")


def _tell_missing(part: Any) -> None:
    """Say why a report shows no faces, if their images are not there."""
    if not any(part.table.image(path).exists() for path in part.table.rows["path"]):
        terminal.warn([f"{part.table.root}: holds none of the images, so the report shows no face; see --images"])


def _check_evaluation(given: Any) -> None:
    """Refuse a split that is none, and options of a report where none is asked for."""
    problems = []
    if given.part not in SPLITS:
        problems.append(f"--split {given.part}: is {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")
    if given.report is None:
        idle = [name for name, value in (("--mark", given.marks), ("--images", given.moved)) if value]
        problems += [f"{name} is of use to a report only; name its folder with -o" for name in idle]
    if problems:
        raise UsageError(problems)


def _flattering(given: Any, part: Any) -> list[str]:
    """Say what the figures are worth where heads have had to do with the faces, by name of the split or in fact."""
    from heads.training import seen

    found = [*_optimistic(given.part), *seen.warnings(given.head, part, given.part)]
    if given.against:
        found += [f"{given.against}: {line}" for line in seen.warnings(given.against, part, given.part)]
    return found


def _optimistic(part: str) -> list[str]:
    """Say what the name of a split says of a head's figures there."""
    told = {
        "train": "the head was trained on these faces: the figures say nothing about others",
        "val": "the head was chosen by these faces: the figures are optimistic; those of the test part are not",
    }
    return [told[part]] if part in told else []


def _scores(head: Head, part: Any) -> Any:
    """Return what a head says of the faces of one split; those without a label of it are left out."""
    from heads.metrics import scores_of
    from heads.models.inference import probabilities

    known = part.table.rows["label"].isin(head.labels).to_numpy()
    if not known.any():
        raise DataError(f"no face of the split is labelled {' or '.join(head.labels)}")
    if not known.all():
        terminal.warn([f"{int((~known).sum())} faces have no label of this head and are left out"])
    labelled = part.where(known)
    said = probabilities(head, labelled.vectors, labelled.spec)
    return scores_of(labelled.table, said, head.labels, head.calibration)


def _facts(head: Head, given: Any, part: Any) -> dict[str, Any]:
    return {
        "head": str(given.head),
        "recipe": head.recipe,
        "embeddings": str(given.embeddings),
        "split": given.part,
        "layout": part.table.layout,
        "label_source": part.table.label_source,
        "licence": part.table.licence,
        "backbone": head.embedding.model,
        "nodes": list(head.embedding.nodes),
        "backbone_licence": head.embedding.licence,
    }


def _keep(given: Any, told: dict[str, Any]) -> None:
    """Keep the last evaluation on this split beside the head, for its model card."""
    from converters.files.staging import Stage, commit

    with Stage(given.head / EVALUATIONS[given.part], force=True) as stage:
        with stage.writing():
            stage.path.write_text(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
        commit([stage])


def _report(found: Any, given: Any, head: Head, part: Any, compared: Any) -> list[Path]:
    import pandas as pd

    from heads.reports.material import Material
    from heads.reports.sweep import parse_threshold
    from heads.reports.writing import write_report

    tables = {name: given.head / f"{name}.csv" for name in ("history", "runs")}
    read = {name: pd.read_csv(path) for name, path in tables.items() if path.exists()}
    history = read.get("history")
    material = Material(
        history=None if history is None or history.empty else history,
        runs=read.get("runs"),
        thresholds=tuple(parse_threshold(text) for text in given.marks),
        images_root=part.table.root,
        facts=_facts(head, given, part),
        comparisons=(compared,) if compared else (),
    )
    return write_report(found, given.report, material=material, force=given.force)
