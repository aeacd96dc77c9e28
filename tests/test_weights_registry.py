"""The table of published models: what stands in it is whole and true to the packed networks, and mistakes are told."""

import re
from importlib import resources
from math import prod
from pathlib import Path

import pytest

import prototxt
from converters import passes
from converters.from_caffe import read_caffe
from weights.errors import RegistryError, WeightsError
from weights.registry import checking, reading
from weights.registry.model import FORMATS, Member, PublishedModel
from weights.store import place

MODELS = reading.read(resources.files("weights") / "models.toml")
BY_HAND = ["sphereface-20", "lightcnn-c", "lightcnn-9", "lightcnn-29"]
KEPT = {
    "vgg-face", "vgg-face-mat", "vgg-face-mat-archive", "age-net", "gender-net", "dex-age", "dex-gender", "res10",
    "res10-fp16", "open-nsfw", "deepface-vgg-face", *BY_HAND, *(f"mtcnn-{net}" for net in "prol"),
    *(f"vggface2-{net}{size}{form}" for net in ("resnet50", "senet50") for size in ("", "-scratch", "-256", "-128")
      for form in ("", "-mat", "-torch")),
    *(f"keras-vggface-{net}{top}" for net in ("vgg16", "resnet50", "senet50") for top in ("", "-notop")),
}  # fmt: skip


def test_every_known_model_is_entered() -> None:
    assert set(MODELS) >= KEPT
    assert all(model.name == name for name, model in MODELS.items())
    assert {model.format for model in MODELS.values()} == set(FORMATS)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_model_says_what_a_person_needs(model: PublishedModel) -> None:
    for said in (model.title, model.task, model.paper, model.good_for, model.licence.name, model.licence.text):
        assert said.strip() == said != ""
    assert model.page.startswith("http")
    assert [member.role for member in model.needed].count("weights") == 1
    assert not [trap for trap in (*model.traps, *model.notes) if not trap.endswith(".")]


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_hashes_have_the_right_length_and_are_all_different(model: PublishedModel) -> None:
    sha256 = [each.sha256 for each in (*model.downloads, *model.members) if each.sha256]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in sha256)
    assert all(re.fullmatch("[0-9a-f]{32}", download.md5) for download in model.downloads if download.md5)
    own = [member.sha256 for member in model.members if member.sha256]
    assert len(own) == len(set(own))


def test_no_file_is_published_with_two_hashes() -> None:
    seen: dict[str, set[str]] = {}
    for download in (download for model in MODELS.values() for download in model.downloads):
        for url in download.urls:
            seen.setdefault(url, set()).add(download.published_hash)
    assert {url for url, hashes in seen.items() if len(hashes) > 1} == set()


def test_what_has_no_address_is_known() -> None:
    assert [name for name, model in MODELS.items() if not model.fetchable] == BY_HAND


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.prototxt])
def test_embeddings_of_packed_networks_are_there_with_that_dimension(name: str) -> None:
    model = MODELS[name]
    graph = read_caffe(prototxt.find(model.prototxt).prototxt, shapes_only=True)
    assert model.embeddings
    for node, size in model.embeddings.items():
        assert prod(graph.shapes[passes.value_named(graph, node)][1:]) == size


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.prototxt])
def test_the_table_and_the_packed_networks_say_the_same(name: str) -> None:
    model, deploy = MODELS[name], prototxt.find(MODELS[name].prototxt)
    assert model.pixels is not None
    assert (model.pixels.channel_order, model.pixels.mean) == (deploy.channel_order, deploy.mean)
    assert model.pixels.scale == (deploy.scale,)
    assert model.labels == deploy.labels
    assert f"{model.pixels.crop[0]}x{model.pixels.crop[1]}" in deploy.summary


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.format == "matconvnet"])
def test_releases_of_one_network_have_one_mean_for_each_colour(name: str) -> None:
    mat, caffe = MODELS[name].pixels, MODELS[MODELS[name].other_release].pixels
    assert mat is not None and caffe is not None
    assert (mat.channel_order, caffe.channel_order) == ("RGB", "BGR")
    assert mat.mean[::-1] == pytest.approx(caffe.mean, abs=1e-4)
    assert (mat.resize, mat.crop) == (caffe.resize, caffe.crop)


def test_names_of_files_are_not_those_of_our_own_records() -> None:
    assert checking.RESERVED == place.RECORD


GOOD = """
[families.f]
page = "https://example.org"
paper = "a paper"
[families.f.licence]
name = "MIT"
text = "Use it."
[models.m]
family = "f"
title = "a title"
task = "a task"
format = "caffe"
prototxt = "age-net"
good_for = "something"
[models.m.pixels]
channel_order = "BGR"
mean = [1, 2, 3]
[[models.m.downloads]]
name = "m.caffemodel"
role = "weights"
urls = ["https://example.org/m.caffemodel"]
"""
ARCHIVE = """archive = true
members = [{ name = "m.caffemodel", role = "weights", within = "a/m.caffemodel" }]
"""


def table(folder: Path, text: str) -> Path:
    path = folder / "table.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_is_read_with_what_its_families_share(tmp_path: Path) -> None:
    model = reading.read(table(tmp_path, GOOD))["m"]
    assert (model.page, model.licence.name, model.licence.non_commercial) == ("https://example.org", "MIT", False)
    assert model.pixels is not None and model.pixels.mean == (1.0, 2.0, 3.0) and model.pixels.scale == (1.0,)
    assert model.needed == model.members == (Member(name="m.caffemodel", role="weights"),)
    assert model.fetchable and model.size_bytes is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('format = "caffe"', 'format = "cafe"', "models.m: the format is 'cafe'; did you mean 'caffe'?"),
        ('prototxt = "age-net"', "", "needs a file that is 'prototxt'"),
        ('prototxt = "age-net"', 'prototxt = "age-nett"', "the prototxt is 'age-nett', which does not come with"),
        ('title = "a title"', "", "models.m: 'title' is missing"),
        ('title = "a title"', 'title = ""', "models.m: 'title' is empty"),
        ('title = "a title"', "title = 7", "models.m: 'title' is 7, expected a text"),
        ('title = "a title"', 'titel = "a title"', "models.m: there is no key 'titel'; did you mean 'title'?"),
        ('task = "a task"', "", "models.m: 'task' is missing"),
        ('name = "MIT"', "", "families.f.licence: 'name' is missing"),
        ('paper = "a paper"', 'papers = "a paper"', "families.f: there is no key 'papers'; did you mean 'paper'?"),
        ('family = "f"', 'family = "g"', "models.m: its family is 'g', but there is no [families.g]"),
        ('role = "weights"', 'role = "weight"', "a file is 'weight'; did you mean 'weights'?"),
        ('role = "weights"', 'role = "weights"\nsha256 = "abc"', "the sha256 is 'abc', expected 64 digits"),
        ('role = "weights"', 'role = "weights"\nmd5 = "XYZ"', "the md5 is 'XYZ', expected 32 digits"),
        ('role = "weights"', 'role = "weights"\nsize_bytes = 0', "downloads.1: 'size_bytes' is 0, expected 1 or more"),
        ('role = "weights"', 'role = "weights"\nsize_bytes = true', "'size_bytes' is True, expected a whole number"),
        ('role = "weights"', ARCHIVE.replace("a/m", "../m"), "'../m.caffemodel', which leads out of it"),
        ('role = "weights"', ARCHIVE.replace("a/m", "/m"), "'/m.caffemodel', which leads out of it"),
        ('role = "weights"', ARCHIVE.replace(', within = "a/m.caffemodel"', ""), "'within' is missing"),
        ('role = "weights"', "", "m.caffemodel: no file comes out of it"),
        ('name = "m.caffemodel"', 'name = "files.json"', "'files.json' cannot be the name of a file here"),
        ('name = "m.caffemodel"', 'name = "../m"', "'../m' cannot be the name of a file here"),
        ("https://example.org/m", "ftp://example.org/m", "the address is 'ftp://example.org/m.caffemodel'"),
        ("mean = [1, 2, 3]", "mean = [1, 2]", "the mean has 2 values, expected 3 for BGR"),
        ("mean = [1, 2, 3]", 'mean = ["one"]', "'mean' holds 'one', expected numbers"),
        ("mean = [1, 2, 3]", "scale = [0]", "a scale of 0 would blank out the image"),
        ("mean = [1, 2, 3]", "crop = [224]", "'crop' has 1 values, expected height and width"),
        ('channel_order = "BGR"', 'channel_order = "GBR"', "the channel order is 'GBR'"),
        ('urls = ["https://example.org/m.caffemodel"]', 'urls = "https"', "'urls' is 'https', expected a list"),
        ("models.m", "models.M", "models.M: a name is made of small letters"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    path = table(tmp_path, GOOD.replace(old, new))
    with pytest.raises(RegistryError) as caught:
        reading.read(path)
    assert message in str(caught.value)
    assert all(problem.startswith(f"{path}: ") for problem in caught.value.problems)


def test_the_name_of_a_network_with_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="a network that comes with its weights"):
        reading.read(table(tmp_path, GOOD.replace("models.m", "models.vgg-face-tiny")))


def test_all_mistakes_are_told_at_once_and_each_once(tmp_path: Path) -> None:
    second = "[models.n]" + GOOD.split("[models.m]")[1].replace("models.m", "models.n")
    broken = (GOOD + second).replace('name = "MIT"', "").replace('format = "caffe"', 'format = "cafe"')
    with pytest.raises(RegistryError) as caught:
        reading.read(table(tmp_path, broken))
    told = [problem.split(": ", 1)[1] for problem in caught.value.problems]
    assert list(dict.fromkeys(line.split(":")[0] for line in told)) == ["families.f.licence", "models.m", "models.n"]
    assert len(told) == len(set(told))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="table.toml: is no TOML"):
        reading.read(table(tmp_path, "[models"))
    with pytest.raises(RegistryError, match="none.toml: cannot be read: No such file or directory"):
        reading.read(tmp_path / "none.toml")


def test_a_table_of_ones_own_comes_beside_ours_and_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = GOOD + GOOD.split("[models.m]")[1].join(["[models.age-net]", ""]).replace("models.m", "models.age-net")
    monkeypatch.setenv(reading.REGISTRY_VARIABLE, str(table(tmp_path, own)))
    assert set(reading.models()) == {*MODELS, "m"}
    assert reading.model("age-net").title == "a title"
    assert reading.model("vgg-face").title == MODELS["vgg-face"].title


@pytest.mark.parametrize(
    ("other", "message"),
    [("vgg-fase", "which is no model; did you mean 'vgg-face'?"), ("vgg-face", "in the same format, caffe")],
)
def test_another_release_has_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str, message: str
) -> None:
    text = GOOD.replace('task = "a task"', f'task = "a task"\nother_release = "{other}"')
    monkeypatch.setenv(reading.REGISTRY_VARIABLE, str(table(tmp_path, text)))
    with pytest.raises(RegistryError, match=message.replace("?", "\\?")):
        reading.models()


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(WeightsError) as caught:
        reading.model("vggface")
    assert "there is no published model 'vggface'; did you mean 'vgg-face'?; `weights list` shows" in str(caught.value)


def test_a_member_is_found_by_its_path_or_by_a_pattern() -> None:
    exact = Member(name="a", role="weights", within="x/a.caffemodel")
    loose = Member(name="a", role="weights", within="*.caffemodel")
    assert exact.lies_at("x/a.caffemodel") and not exact.lies_at("y/a.caffemodel")
    assert loose.lies_at("x/y/b.caffemodel") and loose.lies_at("b.caffemodel")
    assert not loose.lies_at("b.prototxt") and not loose.lies_at("x/._b.caffemodel")
