"""Tables of an evaluation: what is undefined says so, nothing breaks the format, and programs read it back."""

import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from heads.errors import DataError, UsageError
from heads.metrics import EvaluateOptions, Evaluation, Value, compare, evaluate
from heads.models.head import Calibration
from heads.reports.document import as_json, comparison_json
from heads.reports.notes import Notes
from heads.reports.sweep import parse_threshold, spread, sweep
from heads.reports.tables import comparison_markdown, csv, latex, markdown
from heads.reports.words import decision, gender_caution, headline, p_value, percent, reading
from heads_scores import counted_scores, drawn_scores, plain_scores

FEW = EvaluateOptions(by=("age_group", "light"), resamples=100)


@pytest.fixture(scope="module")
def published() -> Evaluation:
    return evaluate(counted_scores(247, 18, 23, 272), EvaluateOptions(resamples=100))


@pytest.fixture(scope="module")
def grouped() -> Evaluation:
    return evaluate(drawn_scores(300, people=150), FEW)


def hostile() -> Evaluation:
    """Labels and groups with everything that the formats take for their own."""
    groups = pd.DataFrame({"a|b_c": ["<b>&\\ 50% {x}", "[1] #~^$*"] * 20})
    scores = plain_scores(
        np.linspace(0.1, 0.9, 40), np.arange(40) > 20, groups=groups, labels=("no_beard", 'be"ard & co')
    )
    return evaluate(scores, EvaluateOptions(by=("a|b_c",), resamples=100))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_of_a_published_table(published: Evaluation) -> None:
    text = markdown(published)
    assert "| precision | 0.915 (0.875 to 0.943) | 270 |" in text
    male = next(line for line in text.splitlines() if line.startswith("| label=male"))
    assert [re.sub(r" [\[(].*", "", cell) for cell in cells(male)] == [
        "label=male", "295", "295", "0.922", "undefined", "undefined", "undefined", "0.922", "undefined", "undefined"
    ]  # fmt: skip
    assert "precision could only be 0 (structural 0)" in text
    # Nowhere a number that is not there: what was printed as 0.0 is undefined.
    assert not re.search(r"\| 0\.0+ ", text)


def test_every_letter_has_its_note_and_every_note_its_letter(published: Evaluation) -> None:
    text = markdown(published)
    used = set(re.findall(r"undefined \[([a-z]+)\]", text))
    noted = set(re.findall(r"^\[([a-z]+)\] \S", text, re.MULTILINE))
    assert used == noted
    assert len(used) > 5


def test_markdown_survives_any_label() -> None:
    lines = markdown(hostile()).splitlines()
    header = next(line for line in lines if line.startswith("| group"))
    rows = [line for line in lines[lines.index(header) :] if line.startswith("|")]
    assert len(rows) == 2 + 2 + 2 + 4
    assert {len(cells(line)) for line in rows} == {len(cells(header))}
    assert "<b>" not in "".join(lines).replace("\\<b\\>", "")


def test_latex_survives_any_label() -> None:
    text = latex(hostile())
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {2, 9}
    assert r"\textless{}b\textgreater{}\&\textbackslash{} 50\% \{x\}" in text
    assert r"{[}1] \#\textasciitilde{}\textasciicircum{}\${*}" in text
    assert r"a\textbar{}b\_c=" in text
    body = re.sub(r"\\[&%$#_{}]|^%.*$", "", text, flags=re.MULTILINE)
    assert not re.search(r"[%$#_^~|<>\"]", body)
    assert body.count("{") == body.count("}")


def test_latex_is_made_of_booktabs(published: Evaluation) -> None:
    text = latex(published)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}", r"\end{tabular}"):
        assert text.count(rule) == 2
    assert r"undefined\textsuperscript{a}" in text
    assert r"95\,\% interval" in text


def test_csv_holds_every_value_in_full(grouped: Evaluation) -> None:
    table = pd.read_csv(io.StringIO(csv(grouped)), keep_default_na=False)
    assert len(table) == sum(len(row.metrics) for row in grouped.rows)
    chosen = table[(table["by_light"] == "day") & (table["by_label"] == "female") & (table["by_age_group"] == "")]
    row = grouped.row(light="day", label="female")
    for _, line in chosen.iterrows():
        value = row.metrics[line["metric"]]
        assert line["undefined"] == value.undefined
        assert line["value"] == ("" if value.value is None else repr(value.value))
        assert line["low"] == ("" if value.interval is None else repr(value.interval.low))
        assert int(line["n"]) == value.n
    assert chosen.set_index("metric").loc["precision", "structural"] == "1"


def test_json_says_null_and_why(published: Evaluation) -> None:
    facts = {"licence": "CC0", "dims": (2, 3), "broken": float("nan"), "path": io.StringIO}
    told = json.loads(json.dumps(as_json(published, facts), allow_nan=False))
    overall, female, male = told["groups"]
    assert overall["metrics"]["roc_auc"]["value"] is None
    assert "hard labels" in overall["metrics"]["roc_auc"]["undefined"]
    assert male["where"] == {"label": "male"}
    assert male["metrics"]["precision"] == {
        "value": None,
        "n": 23,
        "undefined": "no face here is labelled female: precision could only be 0",
        "structural": 0.0,
    }
    assert female["metrics"]["recall"]["interval"]["method"] == "Wilson"
    assert told["facts"]["dims"] == [2, 3]
    assert told["facts"]["broken"] == "nan"
    assert told["gaps"][0]["worst"] == {"label": "male"}


def test_the_headline_has_worst_groups_gaps_and_intervals(grouped: Evaluation) -> None:
    lines = headline(grouped)
    assert lines[0].startswith("Accuracy 0.")
    assert all(re.search(r"\(-?\d\.\d{3} to \d\.\d{3}\)", line) for line in lines)
    by = [line.split(":")[0] for line in lines[1:]]
    assert {"By age_group", "By light", "By label", "By age_group and light"} <= set(by)
    assert "worst" in lines[1]
    assert "gap" in lines[1]


def test_groups_too_small_to_rank_are_counted() -> None:
    groups = pd.DataFrame({"light": ["day"] * 40 + ["dusk"] * 40 + ["night"] * 5})
    scores = plain_scores(np.linspace(0.01, 0.99, 85), np.arange(85) % 2 == 0, groups=groups)
    lines = headline(evaluate(scores, EvaluateOptions(by=("light",), crossings=1, resamples=100)))
    assert lines[1].endswith("; 1 too small to rank.")


def test_the_headline_says_where_no_worst_group_is_named() -> None:
    groups = pd.DataFrame({"light": ["day"] * 40 + ["night"] * 20})
    scores = plain_scores(np.linspace(0.01, 0.99, 60), np.arange(60) % 2 == 0, groups=groups)
    lines = headline(evaluate(scores, EvaluateOptions(by=("light",), resamples=100)))
    assert lines[1].startswith("By label: worst")
    assert lines[2:] == [
        "No worst group is named by light, light x label: at most one group has 30 faces of 30 people."
    ]


def test_words_say_perceived_gender_for_these_labels_alone(published: Evaluation) -> None:
    other = hostile()
    assert "perceived gender (male or female)" in markdown(published)
    assert "perceived gender" in gender_caution(published)
    assert "gender" not in markdown(other) + latex(other) + csv(other)
    assert gender_caution(other) == ""
    assert not any("gender" in text for _, text in reading(other))


def test_people_are_explained_where_they_matter(grouped: Evaluation, published: Evaluation) -> None:
    assert "people" in dict(reading(grouped))
    assert "people" not in dict(reading(published))
    assert "300 faces of " in markdown(grouped)


def test_how_answers_are_made_is_stated() -> None:
    calibration = Calibration(temperature=1.5, threshold=0.45, abstain_from=0.4, abstain_to=0.6)
    evaluation = evaluate(drawn_scores(100, calibration=calibration), EvaluateOptions(resamples=100))
    assert decision(evaluation) == (
        "female is said from a probability of 0.45 on; between 0.4 and 0.6 no answer is given; probabilities are "
        "calibrated with the temperature 1.5"
    )
    assert headline(evaluation)[1].startswith("Answers 0.")
    assert "| coverage |" in markdown(evaluation)


def test_letters_go_on_after_z() -> None:
    notes = Notes()
    letters = [notes.letter(str(number)) for number in range(54)]
    assert letters[:3] == ["a", "b", "c"]
    assert letters[25:29] == ["z", "aa", "ab", "ac"]
    assert letters[51:54] == ["az", "ba", "bb"]
    assert notes.letter("0") == "a"
    assert notes.of(Value(0.5, 3, note="the same in every resample")) == "bc"


@pytest.mark.parametrize(
    ("share", "text"),
    [(1, "100 %"), (0, "0 %"), (0.9999, ">99.9 %"), (0.0001, "<0.1 %"), (0.3, "30 %"), (0.123, "12.3 %")],
)
def test_percent_is_never_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert percent(share) == text


def test_small_p_values() -> None:
    assert (p_value(0.031), p_value(0.00001), p_value(1)) == ("= 0.031", "< 0.0001", "= 1")


def test_a_comparison_in_markdown_and_json() -> None:
    first = drawn_scores(200, people=80)
    second = plain_scores(
        np.where(np.arange(200) < 6, 1 - first.probabilities, first.probabilities),
        first.targets,
        identities=first.identities,
        groups=first.groups,
        paths=first.paths,
    )
    found = compare(first, second, ("lin|ear", "mlp"), EvaluateOptions(resamples=100))
    text = comparison_markdown(found)
    assert r"| metric | lin\|ear | mlp | second less first |" in text
    assert "by people p" in text
    told = json.loads(json.dumps(comparison_json(found), allow_nan=False))
    assert told["both_right"] + told["first_only_right"] + told["second_only_right"] + told["both_wrong"] == 200
    assert told["metrics"]["f1"]["difference"]["value"] == found.differences["f1"].value


RUNS = pd.DataFrame(
    {
        "run": [0, 1, 2],
        "recipe": ["linear", "mlp", "mlp"],
        "learning_rate": [np.nan, 1e-4, 1e-4],
        "initialisation_seed": [np.nan, 0, 1],
        "point": ["", "", ""],
        "val_accuracy": [0.91, 0.95, 0.88],
        "train_seconds": [2.0, 90.0, 130.0],
        "chosen": [False, True, False],
    }
)


def test_runs_are_marked_by_thresholds() -> None:
    found = sweep(RUNS, [parse_threshold("val_accuracy >= 0.9"), parse_threshold("train_seconds<=110")])
    assert "point" not in found.header
    assert "chosen" not in found.header
    assert found.chosen == (False, True, False)
    column = found.header.index("val_accuracy")
    assert [(row[column].meets, row[column].best) for row in found.rows] == [
        (True, False), (True, True), (False, False)
    ]  # fmt: skip
    column = found.header.index("train_seconds")
    assert [(row[column].meets, row[column].best) for row in found.rows] == [
        (True, True), (True, False), (False, False)
    ]  # fmt: skip
    assert found.rows[0][found.header.index("learning_rate")].text == ""


def test_the_spread_over_seeds() -> None:
    found = spread(RUNS)
    assert found is not None
    assert [cell.text for cell in found.rows[0]] == ["mlp", "0.0001", "2", "0.915 ± 0.049", "110 ± 28"]
    assert len(found.rows) == 1
    assert spread(RUNS.head(2)) is None
    assert spread(RUNS.drop(columns="initialisation_seed")) is None


def test_runs_read_from_csv_are_the_same() -> None:
    again = pd.read_csv(io.StringIO(RUNS.to_csv(index=False)))
    limits = [parse_threshold("val_accuracy>=0.9")]
    assert sweep(again, limits) == sweep(RUNS, limits)


def test_thresholds_that_do_not_fit_are_listed_at_once() -> None:
    with pytest.raises(DataError) as caught:
        sweep(RUNS, [parse_threshold("val_acuracy>=0.9"), parse_threshold("recipe>=1")])
    assert "no column 'val_acuracy'" in caught.value.problems[0]
    assert "did you mean 'val_accuracy'?" in caught.value.problems[0]
    assert "'recipe' of the runs does not hold numbers" in caught.value.problems[1]


@pytest.mark.parametrize("text", ["val_accuracy", "val_accuracy>0.9", ">=3", "a>=b", "a>=1.2.3"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no threshold"):
        parse_threshold(text)


def test_thresholds_may_have_any_number() -> None:
    found = parse_threshold("val_loss<=1.5e-2")
    assert (found.column, found.limit, found.at_least, found.text) == ("val_loss", 0.015, False, "val_loss<=0.015")
    assert not found.met(float("nan"))
