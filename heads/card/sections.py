"""The sections of a card. Each takes the head and its evaluation (None without one) and returns lines of Markdown."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import prototxt
from heads.card.commands import embed_command, train_command
from heads.card.gaps import NOT_RECORDED, fact, plain, shown
from heads.card.tables import counts_table, gap_line, group_table, overall_table
from heads.export.facts import restricted
from heads.models.head import Head
from heads.prediction.wording import says_gender, task

Evaluated = Mapping[str, Any] | None
# Source: the page of the VGG-Face models, as READMEs of two ports of them quote it.
VGG_FACE_SENTENCE = (
    "These models can be used for non-commercial research purposes under Creative Commons Attribution License."
)
SOURCES = {
    "self-report": "the people in the images gave the labels of themselves",
    "annotator-perceived": "annotators gave the labels by looking at the faces",
    "metadata": "the labels were taken from what was written beside the images, not from the people in them",
    "folder": "the labels are the folders that somebody sorted the images into",
}


def what_it_is(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Say what the head tells apart, from what, and how it decides."""
    spec, how = head.embedding, head.calibration
    negative, positive = map(plain, head.labels)
    if says_gender(head.labels):
        yield (
            f"A small classifier that tells **perceived gender** apart in images of faces: the labels '{negative}' and "
            f"'{positive}', as they were given to its training data. It does not tell how a person identifies."
        )
    else:
        yield f"A small classifier that tells the labels '{negative}' and '{positive}' apart in images of faces."
    yield ""
    described = f" {plain(told)}" if (told := fact(head.facts, "description")) else ""
    yield f"- Recipe: {plain(head.recipe)} ({plain(head.kind)}), {head.parameters:,} learned numbers.{described}"
    nodes = plain(" + ".join(spec.nodes))
    yield f"- Backbone: {plain(spec.model)}, {nodes}: {spec.dimension:,} values per face{_unit(head)}"
    yield f"- The backbone's sha256: `{spec.model_sha256}`"
    yield f"- Preprocessing: {_preprocessing(spec.preprocessing)}"
    yield f"- Crop: {plain(spec.crop.kind)}{_settings(spec.crop.settings)}; cut out otherwise, faces get other answers"
    yield f"- Fitted on: {shown(fact(head.facts, 'fitted_on'))}"
    yield f"- Output: the probability of '{positive}', sigmoid(logit / {how.temperature:.4g})."
    yield f"- Decision: '{positive}' from {how.threshold:.4g} on, else '{negative}'; {_band(head)}."


def _unit(head: Head) -> str:
    return ", brought to length 1" if head.embedding.normalized else ""


def _settings(settings: Mapping[str, Any]) -> str:
    return f" ({shown(settings)})" if settings else ""


def _preprocessing(told: Mapping[str, Any]) -> str:
    return "; ".join(f"{plain(name.replace('_', ' '))} {shown(value)}" for name, value in told.items())


def _band(head: Head) -> str:
    how = head.calibration
    if how.abstain_from >= how.abstain_to:
        return "it never abstains"
    return f"strictly between {how.abstain_from:.4g} and {how.abstain_to:.4g} it abstains"


def intended_use(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Say what the head is for."""
    yield (
        f"Research on face embeddings and on how such classifiers fail: {plain(task(head.labels))}, on images like "
        "those of the training data, cut out and preprocessed in the same way."
    )


def out_of_scope(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Say what the head is not for."""
    yield "- Surveillance of any kind, and finding or following people."
    yield "- Identifying a person."
    yield "- Automated decisions about people: credit, hiring, insurance, access, policing and the like."
    if says_gender(head.labels):
        yield "- Inferring anybody's gender identity, sex or orientation, or telling a person or others what they are."
    else:
        yield "- Inferring anybody's identity, or telling a person or others what they are."
    yield "- Images of other kinds than those it was evaluated on, until it is evaluated on these."


def data(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Say what the head was trained on, and who labelled it."""
    told = fact(head.facts, "data")
    source = str(told["label_source"])
    yield f"- Data set: {plain(told['layout'])}"
    yield f"- Labels: {plain(source)}: {SOURCES.get(source, 'who gave them is described with the data set')}."
    if says_gender(head.labels):
        yield "- The labels are two; people whom neither describes are in the data under one of them, or not at all."
    yield f"- Faces without a label, left out: {_count(told, 'unlabelled_faces')}"
    yield f"- Seed of the split: {_count(told, 'split_seed')}"
    yield f"- Licence of the data: {shown(told.get('licence'))}"
    yield ""
    yield from counts_table(told["faces"])


def _count(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return NOT_RECORDED if value is None else str(value)


def leaks(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Say whether people of the training faces are among those that the head was judged on."""
    people = fact(head.facts, "data.identities")
    if people is None:
        yield (
            f"Who is in the images is {NOT_RECORDED}. Faces of the same people may be in training and among the faces "
            "that the head was judged on; if so, the figures below are better than they would be for strangers."
        )
        return
    shared = people.get("shared_with_train")
    counts = ", ".join(f"{people[split]} in {split}" for split in ("train", "val", "test") if split in people)
    if shared is None:
        yield f"People: {counts}. How many of the training people are in another split is {NOT_RECORDED}."
    elif shared:
        yield (
            f"People: {counts}. **{shared} of the training people are in val or test too**: the figures below are "
            "better than they would be for strangers."
        )
    else:
        yield f"People: {counts}. None of the training people is in val or test, as far as identities are recorded."


def factors(head: Head, evaluated: Evaluated) -> Iterator[str]:
    """Say which groups of people the data knows, and for which the head was measured."""
    recorded = fact(head.facts, "data.groups") or []
    measured = _measured_columns(evaluated)
    yield f"- Groups that the data records: {shown(recorded)}"
    yield f"- Groups for which the head was measured: {shown(measured)}"
    if not measured:
        yield "- How the head does on any group of people is not known, and may differ much from group to group."
    left = [name for name in recorded if name not in measured]
    if left and measured:
        yield f"- Recorded, but not measured: {shown(left)}"


def _measured_columns(evaluated: Evaluated) -> list[str]:
    rows = evaluated["groups"] if evaluated else []
    # The label itself is what is told apart, not a group of people.
    return list(dict.fromkeys(column for row in rows for column in row["where"] if column != "label"))


def metrics(head: Head, evaluated: Evaluated) -> Iterator[str]:
    """Give what was measured: on faces of its own if there was an evaluation, and on validation."""
    if evaluated is None:
        yield f"An evaluation on faces that had no part in the training is {NOT_RECORDED}."
    else:
        yield from _evaluation(evaluated)
    yield ""
    yield (
        "On the validation faces, by which the head and its calibration were chosen, so that these figures flatter it: "
        f"{_validation(head)}."
    )


def _evaluation(evaluated: Mapping[str, Any]) -> Iterator[str]:
    overall, *groups = evaluated["groups"]
    yield _basis(evaluated, overall)
    yield ""
    yield from overall_table(overall)
    if groups:
        yield ""
        yield from group_table(groups)
    if evaluated["gaps"]:
        yield ""
        yield from map(gap_line, evaluated["gaps"])
    if evaluated["warnings"]:
        yield ""
        yield from (f"- **Warning**: {plain(warning)}" for warning in evaluated["warnings"])


def _basis(evaluated: Mapping[str, Any], overall: Mapping[str, Any]) -> str:
    positive = plain(evaluated["labels"]["positive"])
    level = f"{evaluated['options']['level']:.0%}"
    people = " (made person by person)" if evaluated["intervals_by_identity"] else ""
    told = evaluated.get("facts") or {}
    where = f" Recorded with it: {shown(told)}." if told else ""
    return (
        f"{overall['faces']:,} faces, {overall['positives']:,} of them labelled '{positive}', the positive label. "
        f"Intervals{people} hold the true value in about {level} of such evaluations.{where}"
    )


def _validation(head: Head) -> str:
    chosen = fact(head.facts, "chosen")
    names = ("val_accuracy", "val_macro", "val_worst_group", "val_loss")
    found = [
        f"{name.removeprefix('val_').replace('_', ' ')} {chosen[name]:.4g}"
        for name in names
        if _is_number(chosen.get(name))
    ]
    return ", ".join(found) or NOT_RECORDED


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def calibration(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Say how probabilities were made honest, and how threshold and band were found."""
    for name, value in fact(head.facts, "calibration").items():
        yield f"- {plain(name.replace('_', ' '))}: {shown(value)}"


def limits(head: Head, evaluated: Evaluated) -> Iterator[str]:
    """Say what the head cannot know."""
    yield "- It answers for every image it is given, with or without a face, of a child, a drawing or a mask."
    yield "- Its probabilities were calibrated on the validation faces of one data set; elsewhere they may be wrong."
    yield "- Its backbone was trained by others on faces of its own, whose make-up it hands on."
    if says_gender(head.labels):
        yield "- It learned how faces look that somebody called female or male; hair, make-up or glasses may decide."
    if evaluated is None:
        yield "- It was not evaluated on faces apart from those it was chosen by."
    yield from (f"- Noted in training: {plain(warning)}" for warning in head.facts.get("warnings", []))


def licence(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Hand on the terms of the backbone and of the data."""
    terms, of_data = head.embedding.licence, str(fact(head.facts, "data.licence") or "")
    yield f"- Backbone {plain(head.embedding.model)}: {shown(terms)}"
    if terms == prototxt.VGG_FACE_LICENCE:
        yield f'- The page of the VGG-Face models says: "{VGG_FACE_SENTENCE}"'
    yield f"- Training data: {shown(of_data)}"
    if restricted(terms) or restricted(of_data):
        yield "- **This head, and every file exported from it, may be used for non-commercial purposes only.**"
    if not terms or not of_data:
        yield "- What is not recorded is not permitted either: ask before any use."


def how_to_reproduce(head: Head, _evaluated: Evaluated) -> Iterator[str]:
    """Give commands and every setting."""
    spec, told = head.embedding, head.facts
    yield "```"
    yield embed_command(head)
    yield train_command(head)
    yield "```"
    yield ""
    yield f"- sha256 of the embeddings and labels: {_code(fact(told, 'data.embeddings_sha256'))}"
    yield f"- Key of the embeddings' settings: `{spec.key}`"
    yield f"- Versions: {shown(told['software'])}"
    yield f"- Chosen: {shown(_without_empty(told['chosen']))}"
    yield ""
    yield from _block("Settings of the recipe", head.settings)
    if told.get("options"):
        yield from _block("Options of the training", told["options"])


def _without_empty(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value not in (None, "", [], {})}


def _code(value: Any) -> str:
    return f"`{value}`" if value else NOT_RECORDED


def _block(title: str, settings: Mapping[str, Any]) -> Iterator[str]:
    yield f"{title}:"
    yield ""
    yield "```json"
    yield json.dumps(dict(settings), indent=2, ensure_ascii=False)
    yield "```"
    yield ""


SECTIONS = {
    "What it is": what_it_is,
    "Intended use": intended_use,
    "Out of scope": out_of_scope,
    "Training data": data,
    "Leaks": leaks,
    "Factors": factors,
    "Metrics": metrics,
    "Calibration": calibration,
    "Limits": limits,
    "Licence": licence,
    "How to reproduce": how_to_reproduce,
}
