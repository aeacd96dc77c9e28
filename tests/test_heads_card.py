"""Model cards: recorded facts alone, gaps where they show, and no word about gender where labels are something else."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import prototxt
from converters.errors import ConversionError
from heads.card import card_text, write_card
from heads.card.gaps import plain, shown
from heads.errors import HeadsError, MismatchError
from heads.metrics import EvaluateOptions, evaluate
from heads.models.head import Calibration, Head
from heads.provenance import Crop
from heads.reports.document import as_json
from heads_scores import drawn_scores
from trained_heads import CALIBRATION, facts, head_on, plain_spec, saved

SENTENCE = "These models can be used for non-commercial research purposes under Creative Commons Attribution License."


def section(text: str, title: str) -> str:
    """The body of a section."""
    return text.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def evaluation(labels: tuple[str, str] = ("female", "male"), calibration: Calibration = CALIBRATION) -> dict[str, Any]:
    """A real evaluation of drawn scores, with two groups, as its file holds it."""
    scores = replace(drawn_scores(240, people=60, calibration=calibration), labels=labels)
    told = as_json(evaluate(scores, EvaluateOptions(by=("age_group",), resamples=100)), {"split": "test"})
    found: dict[str, Any] = json.loads(json.dumps(told))
    return found


@pytest.fixture(scope="module")
def evaluated() -> dict[str, Any]:
    return evaluation()


def changed(**data: Any) -> dict[str, Any]:
    """The facts of a training, with other facts of the data."""
    told = facts()
    told["data"] |= data
    return told


def test_a_card_says_what_the_head_is(evaluated: dict[str, Any]) -> None:
    text = card_text(head_on(plain_spec(crop=Crop("centre", {"fraction": 0.8}))), evaluated)
    assert text.startswith("# Model card: perceived gender (female or male)\n")
    what = section(text, "What it is")
    assert "**perceived gender**" in what and "does not tell how a person identifies" in what
    assert "linear, 9 learned numbers. A head for tests" in what.replace("(linear)", "").replace("  ", " ").replace(
        " ,", ","
    )
    assert f"`{'12' * 32}`" in what and "small.onnx, fc7: 8 values per face" in what
    assert "Crop: centre (fraction 0.8)" in what
    assert "'male' from 0.45 on, else 'female'; strictly between 0.4 and 0.6 it abstains" in what
    assert "sigmoid(logit / 1.7)" in what


def test_uses_that_are_out_of_scope(evaluated: dict[str, Any]) -> None:
    out = section(card_text(head_on(plain_spec()), evaluated), "Out of scope")
    for word in ("Surveillance", "Identifying a person", "Automated decisions", "gender identity"):
        assert word in out


def test_data_labels_and_their_source(evaluated: dict[str, Any]) -> None:
    data = section(card_text(head_on(plain_spec()), evaluated), "Training data")
    assert "- Data set: celeba" in data and "annotators gave the labels by looking at the faces" in data
    assert "| split | female | male |\n|---|---|---|\n| train | 70 | 50 |\n| val | 15 | 11 |" in data
    assert "Faces without a label, left out: 2" in data and "Seed of the split: 3" in data


@pytest.mark.parametrize(
    ("identities", "expected"),
    [
        (None, "Who is in the images is **not recorded**"),
        (
            {"train": 9, "val": 3, "test": 2, "shared_with_train": 4},
            "**4 of the training people are in val or test too**",
        ),
        ({"train": 9, "val": 3, "test": 2, "shared_with_train": 0}, "None of the training people is in val or test"),
        ({"train": 9}, "How many of the training people are in another split is **not recorded**"),
    ],
)
def test_leaks_are_stated_whatever_is_known(identities: Any, expected: str) -> None:
    head = head_on(plain_spec(), facts=changed(identities=identities))
    assert expected in section(card_text(head), "Leaks")


def test_metrics_stand_with_reason_interval_and_groups(evaluated: dict[str, Any]) -> None:
    metrics = section(card_text(head_on(plain_spec()), evaluated), "Metrics")
    overall = evaluated["groups"][0]["metrics"]["accuracy"]
    low, high = overall["interval"]["low"], overall["interval"]["high"]
    assert f"| accuracy | {overall['value']:.3f} ({low:.3f} to {high:.3f}) | how often the head says" in metrics
    assert "240 faces" in metrics and "person by person" in metrics and "split test" in metrics
    assert "| age\\_group 40+ |" in metrics and "- By age\\_group: worst" in metrics
    assert "undefined: no face here is labelled" in metrics
    assert "these figures flatter it: accuracy 0.875, loss 0.31." in metrics
    assert "coverage" in metrics


def test_no_interval_is_said_with_its_reason() -> None:
    told = evaluation()
    told["groups"][0]["metrics"]["f1"] = {"value": 0.5, "n": 3, "note": "too few resamples"}
    metrics = section(card_text(head_on(plain_spec()), told), "Metrics")
    assert "| F1 | 0.500 (no interval: too few resamples) |" in metrics


def test_factors_name_what_was_measured_and_what_was_not(evaluated: dict[str, Any]) -> None:
    head = head_on(plain_spec(), facts=changed(groups=["age_group", "race"]))
    factors = section(card_text(head, evaluated), "Factors")
    assert "the data records: age\\_group, race" in factors
    assert "was measured: age\\_group" in factors and "not measured: race" in factors
    unknown = section(card_text(head_on(plain_spec(), facts=changed(groups=[]))), "Factors")
    assert unknown.count("**not recorded**") == 2 and "any group of people is not known" in unknown


def test_without_an_evaluation_the_gap_is_seen() -> None:
    text = card_text(head_on(plain_spec()))
    assert "An evaluation on faces that had no part in the training is **not recorded**" in section(text, "Metrics")
    assert "not evaluated on faces apart from those it was chosen by" in section(text, "Limits")


def test_the_vgg_face_sentence_stands_where_its_licence_does() -> None:
    licensed = head_on(plain_spec(licence=prototxt.VGG_FACE_LICENCE))
    text = section(card_text(licensed), "Licence")
    assert f'"{SENTENCE}"' in text and "non-commercial purposes only" in text
    other = section(card_text(head_on(plain_spec(licence="CC BY-NC 4.0"))), "Licence")
    assert SENTENCE not in other and "non-commercial purposes only" in other
    free = section(card_text(head_on(plain_spec(licence="MIT"))), "Licence")
    assert SENTENCE not in free and "non-commercial" not in free and "not permitted" not in free


def test_the_licence_of_the_data_restricts_too() -> None:
    head = head_on(plain_spec(licence="MIT"), facts=changed(licence="non-commercial research"))
    assert "non-commercial purposes only" in section(card_text(head), "Licence")
    unknown = section(card_text(head_on(plain_spec(licence=""), facts=changed(licence=""))), "Licence")
    assert unknown.count("**not recorded**") == 2 and "ask before any use" in unknown


def test_labels_that_are_not_gender_bring_no_word_of_it() -> None:
    head = head_on(plain_spec(), labels=("plain", "smiling"))
    text = card_text(head, evaluation(("plain", "smiling")))
    assert text.startswith("# Model card: plain or smiling\n")
    for word in ("gender", "female", "hair", "how a person identifies"):
        assert word not in text.replace("female |", "|")
    assert "Surveillance" in text and "Automated decisions" in text


def test_how_to_reproduce_has_every_option() -> None:
    told = {"channel_order": "BGR", "mean": [93.5, 104.0, 129.0], "scale": [1.0, 1.0, 0.5], "size_height_width": [8, 8]}
    spec = replace(
        plain_spec(), preprocessing=told, normalized=True, crop=Crop("fixed", {"rows": [30, 200], "columns": [4, 174]})
    )
    head = head_on(spec)
    head = replace(
        head, facts={**head.facts, "options": {"positive": "male", "learning_rates": [0.001, 0.01], "seeds": 3}}
    )
    told_commands = section(card_text(head), "How to reproduce")
    assert (
        "--l2-normalize --channel-order BGR --mean 129,104,93.5 --scale 0.5,1,1 --crop fixed --crop-rows 30:200 "
        "--crop-columns 4:174 -o embeddings/"
    ) in told_commands
    assert "--recipe linear --positive male --seeds 3 --learning-rates 0.001,0.01 -o head/" in told_commands


def test_how_to_reproduce_names_no_folder() -> None:
    text = card_text(head_on(plain_spec(nodes=("fc7", "pool2"), dimensions=(8, 6))))
    told = section(text, "How to reproduce")
    assert "heads embed small.onnx split.csv --node fc7 --node pool2 --channel-order RGB -o embeddings/" in told
    assert "heads train embeddings/ --recipe linear -o head/" in told
    assert "/home" not in text
    assert f"`{'cd' * 32}`" in told and "faceport 0.1.0, numpy 2.0" in told
    assert json.loads(told.split("```json\n")[1].split("```")[0]) == {"metric": "euclidean"}


def test_every_missing_fact_is_named_at_once() -> None:
    told = facts()
    del told["software"], told["data"]["label_source"], told["chosen"]
    with pytest.raises(HeadsError) as refused:
        card_text(head_on(plain_spec(), facts=told))
    assert [line.split("'")[1] for line in refused.value.problems] == ["data.label_source", "chosen", "software"]
    with pytest.raises(HeadsError, match="who gave the labels"):
        card_text(head_on(plain_spec(), facts={}))


def test_an_evaluation_of_another_head_is_refused(evaluated: dict[str, Any]) -> None:
    other = head_on(plain_spec(), calibration=Calibration(), labels=("plain", "smiling"))
    with pytest.raises(MismatchError) as refused:
        card_text(other, evaluated)
    begin = "the evaluation is of another head: "
    assert refused.value.problems[:2] == [
        f"{begin}labels negative female, the head's plain", f"{begin}labels positive male, the head's smiling"
    ]  # fmt: skip
    assert f"{begin}calibration abstain_to 0.6, the head's 0.5" in [
        line.replace("\\", "") for line in refused.value.problems[2:]
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "is no JSON"),
        ("[]", "is no evaluation, it lacks labels"),
        ('{"labels": {}, "calibration": {}, "options": {}, "groups": [], "gaps": [], "warnings": []}', "lacks groups"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "e.json").write_text(content)
    folder = saved(head_on(plain_spec()), tmp_path / "head")
    with pytest.raises(HeadsError, match=message):
        write_card(folder, tmp_path / "CARD.md", tmp_path / "e.json")
    assert not (tmp_path / "CARD.md").exists()


def test_a_card_is_written_whole_and_not_over_another(tmp_path: Path, evaluated: dict[str, Any]) -> None:
    head: Head = head_on(plain_spec())
    folder = saved(head, tmp_path / "head")
    (tmp_path / "e.json").write_text(json.dumps(evaluated))
    write_card(folder, tmp_path / "CARD.md", tmp_path / "e.json")
    assert (tmp_path / "CARD.md").read_text(encoding="utf-8") == card_text(head, evaluated)
    with pytest.raises(ConversionError, match="exists already"):
        write_card(folder, tmp_path / "CARD.md")
    write_card(folder, tmp_path / "CARD.md", force=True)
    with pytest.raises(HeadsError, match="missing.json: cannot be read"):
        write_card(folder, tmp_path / "other.md", tmp_path / "missing.json")


def test_text_of_others_is_no_markdown() -> None:
    assert plain("a|b\n# <b>*c*</b>") == "a\\|b \\# \\<b\\>\\*c\\*\\</b\\>"
    head = head_on(plain_spec(model="evil](http://x)|<script>"))
    assert "<script>" not in card_text(head).replace("\\<script\\>", "")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "**not recorded**"),
        ("", "**not recorded**"),
        ([], "**not recorded**"),
        (0, "0"),
        (False, "no"),
        (0.123456, "0.1235"),
        ({"a": [1, 2]}, "a 1, 2"),
    ],
)
def test_how_recorded_values_are_shown(value: Any, text: str) -> None:
    assert shown(value) == text


def test_warnings_of_training_and_evaluation_are_handed_on(evaluated: dict[str, Any]) -> None:
    told = deepcopy(evaluated)
    told["warnings"] = ["the labels may be inverted"]
    text = card_text(head_on(plain_spec(), facts=facts(warnings=["the temperature stays 1"])), told)
    assert "- **Warning**: the labels may be inverted" in section(text, "Metrics")
    assert "- Noted in training: the temperature stays 1" in section(text, "Limits")
    assert np.isfinite(told["groups"][0]["metrics"]["accuracy"]["value"])
