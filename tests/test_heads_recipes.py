import tomllib
from pathlib import Path

import pytest

from heads.errors import UsageError
from heads.recipes import built_in, load_recipe
from heads.recipes.recipe import KINDS, MlpSettings

ROOT = Path(__file__).parent.parent
OWN = """kind = "mlp"
[settings]
standardise = true
hidden = [8]
dropout = [0.1]
activation = "relu"
initialisation = "glorot-uniform"
optimizer = "adam"
learning_rate = 0.01
beta_1 = 0.9
beta_2 = 0.999
epsilon = 1e-7
batch_size = 16
epochs = 5
reduce_patience = 2
reduce_factor = 0.5
least_learning_rate = 0
stop_patience = 4
least_improvement = 0.0
"""


def refused(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_recipe(path)
    return caught.value.problems


def test_every_kind_has_a_recipe_and_every_recipe_says_what_it_is() -> None:
    recipes = [load_recipe(name) for name in built_in()]
    assert {recipe.kind for recipe in recipes} == set(KINDS)
    assert all(recipe.description and recipe.told() for recipe in recipes)


@pytest.mark.parametrize(
    ("name", "dimension", "parameters"),
    [
        ("logits-16-16", 2622, 42_257),
        ("mlp-1000-1000", 512, 1_515_001),
        ("mlp-1000-1000", 4096, 5_099_001),
        ("gap-32", 512, 16_449),
    ],
)
def test_networks_are_as_large_as_those_of_the_prior_projects(name: str, dimension: int, parameters: int) -> None:
    settings = load_recipe(name).settings
    assert isinstance(settings, MlpSettings)
    assert settings.parameters(dimension) == parameters


def test_stated_settings_of_the_prior_projects_hold() -> None:
    logits, mlp, gap = (load_recipe(name).told() for name in ("logits-16-16", "mlp-1000-1000", "gap-32"))
    assert logits["dropout"] == [0.4, 0.4]
    assert mlp["batch_size"] == 128 and mlp["standardise"]
    assert mlp["reduce_patience"] and mlp["stop_patience"]
    assert (gap["learning_rate"], gap["epochs"]) == (0.001, 10)


def test_recipes_are_packed() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert "*.toml" in packed["heads.recipes"]


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(OWN, encoding="utf-8")
    recipe = load_recipe(tmp_path / "small.toml")
    assert (recipe.name, recipe.kind) == ("small", "mlp")
    assert isinstance(recipe.settings, MlpSettings)
    assert recipe.settings.hidden == (8,) and recipe.settings.least_learning_rate == 0.0


def test_a_recipe_that_changes_another(tmp_path: Path) -> None:
    (tmp_path / "longer.toml").write_text('base = "gap-32"\n[settings]\nepochs = 99\n', encoding="utf-8")
    told = load_recipe(str(tmp_path / "longer.toml")).told()
    assert told == {**load_recipe("gap-32").told(), "epochs": 99}


def test_settings_above_their_table_are_told_so(tmp_path: Path) -> None:
    problems = refused(tmp_path / "flat.toml", 'kind = "knn"\nneighbours = [5]\n')
    assert problems[0] == f"{tmp_path / 'flat.toml'}:2: the setting 'neighbours' belongs below a line [settings]"


def test_everything_wrong_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = OWN.replace("epochs = 5", "epoch = 5").replace("dropout = [0.1]", "dropout = [1.0]")
    problems = refused(path, text.replace('kind = "mlp"', 'kind = "mlp"\nauthor = "me"').replace("true", "1"))
    assert problems == [
        f"{path}:2: there is no key 'author'",
        f"{path}:15: there is no setting 'epoch' of kind 'mlp'; did you mean 'epochs'?",
        f"{path}:4: 'standardise' is 1, expected true or false",
        f"{path}:6: 'dropout' is [1.0], expected a list of 1 or more, each a number from 0 on below 1",
        f"{path}: the setting 'epochs' is missing: a whole number from 1 on",
    ]


def test_rates_have_to_fit_the_layers(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    problems = refused(path, OWN.replace("[0.1]", "[0.1, 0.2]"))
    assert problems == [f"{path}:5: 'dropout' has 2 rates for 1 hidden layers; give one for each"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind = ", "is no TOML"),
        ('kind = "tree"\n', "the kind is 'tree', expected one of mlp, linear, svm, knn, centroid"),
        ('base = "gap-33"\n', "the base is 'gap-33', expected one of"),
        ('base = "gap-32"\nkind = "svm"\n', "the kind is 'svm', but that of the base 'gap-32' is 'mlp'"),
        ('kind = "centroid"\nsettings = 3\n', "'settings' is not a table"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in "\n".join(refused(tmp_path / "bad.toml", text))


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no recipe 'gap32'; did you mean 'gap-32'.*; those here are centroid, gap-32"):
        load_recipe("gap32")
    with pytest.raises(UsageError, match="missing.toml: cannot be read: No such file"):
        load_recipe("missing.toml")


def test_settings_can_be_changed_but_not_to_anything() -> None:
    recipe = load_recipe("knn").with_settings(neighbours=[3])
    assert recipe.told()["neighbours"] == [3]
    with pytest.raises(UsageError) as caught:
        recipe.with_settings(neighbours=[], metric="manhattan", weights="distance")
    assert len(caught.value.problems) == 3
