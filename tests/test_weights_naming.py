"""Names of published models wherever paths go: what is read for them, what is known of them, what is refused."""

import json
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import prototxt
import stub_target
from command_lines import Run, typed
from converters import cli, formats
from converters.command_line import commands
from converters.conversion import names, sources
from converters.conversion.names import Published
from converters.conversion.sources import check_complete, find_model, read
from converters.errors import ConversionError
from converters.ir import Preprocessing
from converters.options import Options
from published_models import LABELS, NETWORK, WEIGHTS, is_source, publish
from published_models import Published as Files
from weights import adding, naming
from weights.registry import reading
from weights.store.place import model_folder

ROOT = Path(__file__).parent.parent


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    return publish(tmp_path, monkeypatch)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setitem(formats.TARGETS, "stub", stub_target.TARGET)
    for source, command in (("caffe", "caffe-to-stub"), ("matconvnet", "mat-to-stub")):
        monkeypatch.setitem(commands.COMMANDS, command, commands._conversion(source, "stub", "To the stub."))
    return typed("convert", cli.main, monkeypatch, capsys)


def have(*words: object, name: str = "tiny-face") -> None:
    adding.add(reading.model(name), [str(word) for word in words])


def test_the_entry_point_is_what_the_converters_ask_for() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    points = told["project"]["entry-points"][names.GROUP]
    assert points == {"weights": "weights.naming"}
    assert all(is_source(import_module(module)) for module in points.values())


def test_any_package_can_make_names_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_a_lab.py").write_text(
        "from converters.conversion.names import Published\n"
        "def names():\n    return ('lab-net',)\n"
        "known = Published(name='lab-net', format='caffe', advice='ask us')\n"
        "def find(name):\n    return known if name == known.name else None\n"
    )
    distribution = tmp_path / "of_a_lab-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: of-a-lab\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text(f"[{names.GROUP}]\nlab = of_a_lab\n")
    monkeypatch.syspath_prepend(tmp_path)
    names.sources.cache_clear()
    try:
        assert "lab-net" in names.known() and names.is_known("lab-net")
        with pytest.raises(ConversionError, match="'lab-net' is not here; ask us"):
            find_model(["lab-net"])
    finally:
        names.sources.cache_clear()
        sys.modules.pop("of_a_lab", None)


def test_a_model_that_is_here_is_read_with_what_is_published_of_it(published: Files) -> None:
    have(published.archive)
    model = find_model(["tiny-face"])
    assert [path.name for path in model.files] == ["net.prototxt", "net.caffemodel"]
    assert model.complete and model.other_release == "tiny-mat"
    check_complete(model, Options())
    graph = read(model, Options())
    assert graph.preprocessing.channel_order == "BGR" and graph.preprocessing.size == (64, 64)
    assert graph.preprocessing.mean is not None and graph.preprocessing.mean.tolist() == [10.0, 20.0, 30.0]
    assert graph.preprocessing.scale == (0.5, 0.5, 0.5)
    assert graph.labels == LABELS and graph.source.licence == "research only"
    assert set(graph.source.files) == {"net.prototxt", "net.caffemodel"}


def test_weights_that_are_named_come_before_those_that_are_here(published: Files, tmp_path: Path) -> None:
    have(published.archive)
    own = tmp_path / "own.caffemodel"
    own.write_bytes(WEIGHTS.read_bytes())
    model = find_model(["tiny-face", str(own)])
    assert [path.name for path in model.files] == ["net.prototxt", "own.caffemodel"]
    assert read(model, Options()).labels == LABELS


@pytest.mark.usefixtures("published")
def test_a_file_of_that_name_comes_before_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny-face").write_bytes(NETWORK.read_bytes())
    assert find_model(["tiny-face"]).files == (Path("tiny-face"),)
    assert not names.is_known("tiny-face") and names.is_known("tiny-age")


@pytest.mark.usefixtures("published")
def test_the_packed_prototxt_stands_in_until_another_is_here(tmp_path: Path) -> None:
    packed = prototxt.find("age-net").prototxt
    assert find_model(["tiny-age"]).files == (packed,)
    assert not find_model(["tiny-age"]).complete
    kept = model_folder("tiny-age")
    kept.mkdir(parents=True)
    (kept / "age.caffemodel").write_bytes(b"\n\x00weights")
    assert find_model(["tiny-age"]).files == (packed, kept / "age.caffemodel")
    (kept / "age.prototxt").write_bytes(packed.read_bytes())
    assert find_model(["tiny-age"]).files == (kept / "age.prototxt", kept / "age.caffemodel")
    assert find_model(["tiny-age", str(tmp_path / "w")]).files == (kept / "age.prototxt", tmp_path / "w")


def test_a_name_of_both_takes_its_files_from_the_store(published: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """age-net is packed without weights and published with them."""
    monkeypatch.delenv(reading.REGISTRY_VARIABLE)
    assert not find_model(["age-net"]).complete
    folder = published.store / "age-net"
    folder.mkdir(parents=True)
    (folder / "age_net.caffemodel").write_bytes(b"\n\x00weights")
    assert find_model(["age-net"]).files == (prototxt.find("age-net").prototxt, folder / "age_net.caffemodel")
    assert find_model(["vgg-face-tiny"]).files == (NETWORK, WEIGHTS)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    ("words", "source", "message"),
    [
        (["tiny-face"], None, "'tiny-face' is not here; to get them, run: weights fetch tiny-face --accept-licence (r"),
        (["tiny-mat"], "matconvnet", "'tiny-mat' is not here; to get them, run: weights fetch tiny-mat --accept"),
        (["tiny-mat"], "caffe", "'tiny-mat' is a MatConvNet network; convert it with the mat-to-... commands"),
        (["tiny-face"], "matconvnet", "'tiny-face' is a Caffe network; convert it with the caffe-to-... commands"),
        (["tiny-mat", "more"], None, "a MatConvNet network is one file; 2 are given: tiny-mat, more"),
        (["tiny-keras"], None, "'tiny-keras' is no network of Caffe or MatConvNet, but a file of the format keras-h5"),
        (["tiny-fase"], None, "is neither a file nor a known network; did you mean 'tiny-face'? (known: vgg-face, "),
        (["tiny-fase"], "matconvnet", "and those that `weights list` shows)"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_read_are_refused(words: list[str], source: str | None, message: str) -> None:
    with pytest.raises(ConversionError) as caught:
        find_model(words, source)
    assert message in str(caught.value)


@pytest.mark.usefixtures("published")
def test_a_network_without_its_weights_says_how_to_get_them() -> None:
    with pytest.raises(ConversionError) as caught:
        check_complete(find_model(["tiny-age"]), Options())
    assert str(caught.value) == (
        "'tiny-age' comes without weights; to get them, run: weights fetch tiny-age, or name the caffemodel after it "
        "(CC0; https://example.org/tiny)"
    )


def test_what_has_no_address_is_to_be_added() -> None:
    told = naming.advice(reading.model("sphereface-20"))
    files = "sphereface_deploy.prototxt sphereface_model.caffemodel"
    assert told.startswith(
        f"no address of them is known; if you have them, run: weights add sphereface-20 {files} (MIT; https://github"
    )


def test_what_a_file_says_comes_before_what_is_published() -> None:
    known = Published(name="n", format="caffe", channel_order="BGR", mean=(1.0, 2.0, 3.0), scale=(0.1, 0.2, 0.3))
    shape = (1, 3, 8, 9)
    silent = sources._preprocessing(Preprocessing(), shape, known)
    assert silent.mean is not None
    assert (silent.channel_order, silent.mean.tolist(), silent.scale) == ("BGR", [1, 2, 3], (0.1, 0.2, 0.3))
    turned = sources._preprocessing(Preprocessing("RGB"), shape, known)
    assert turned.mean is not None
    assert (turned.channel_order, turned.mean.tolist(), turned.scale) == ("RGB", [3, 2, 1], (0.3, 0.2, 0.1))
    own = Preprocessing("RGB", np.zeros(3, np.float32), (2.0, 2.0, 2.0), (5, 6))
    kept = sources._preprocessing(own, shape, known)
    assert kept.mean is own.mean and (kept.channel_order, kept.scale, kept.size) == ("RGB", own.scale, (5, 6))
    unknown = sources._preprocessing(Preprocessing(), shape, Published(name="n", format="caffe"))
    assert (unknown.channel_order, unknown.mean, unknown.scale, unknown.size) == (None, None, None, (8, 9))


def test_facts_of_an_image_are_not_told_of_another_input(published: Files, tmp_path: Path) -> None:
    have(published.archive)
    many = tmp_path / "many.prototxt"
    text = 'input: "data" input_dim: 1 input_dim: 15 input_dim: 4 input_dim: 4\n'
    many.write_text(f'{text}layer {{ name: "r" type: "ReLU" bottom: "data" top: "r" }}')
    known = names.find("tiny-face")
    assert known is not None
    graph = read(sources.Model("caffe", (many,), known), Options())
    assert graph.preprocessing.mean is None and graph.preprocessing.channel_order is None
    assert graph.source.licence == "research only"


@pytest.mark.usefixtures("published")
def test_a_matconvnet_name_is_read_with_what_its_file_says(published: Files) -> None:
    have(published.mat, name="tiny-mat")
    model = find_model(["tiny-mat"])
    assert (model.source, model.complete, model.other_release) == ("matconvnet", True, "tiny-face")
    graph = read(model, Options())
    plain = read(find_model([str(published.mat)]), Options())
    assert graph.preprocessing.channel_order == plain.preprocessing.channel_order == "RGB"
    assert plain.preprocessing.mean is not None and graph.preprocessing.mean is not None
    np.testing.assert_array_equal(graph.preprocessing.mean, plain.preprocessing.mean)
    assert graph.labels == plain.labels and graph.source.licence == "research only"


def test_every_command_of_convert_takes_names(run: Run, published: Files, tmp_path: Path) -> None:
    have(published.archive)
    have(published.mat, name="tiny-mat")
    done = run("caffe-to-stub", "tiny-face", "-o", tmp_path / "net.stub")
    assert done.status == 0 and "all 39 values agree" in done.out
    certificate = json.loads((tmp_path / "net.stub.certificate.json").read_text("utf-8"))
    assert "net.caffemodel" in json.dumps(certificate)
    assert run("mat-to-stub", "tiny-mat", "-o", tmp_path / "mat.stub").status == 0
    shown = run("inspect", "tiny-face")
    assert shown.status == 0 and "164: Person 0, Person 1" in shown.out and "research only" in shown.out
    same = run("verify", "tiny-face", "--against", "vgg-face-tiny")
    assert same.status == 0 and "they are the same network" in same.out
    assert run("verify", "vgg-face-tiny", "--against", "tiny-face").status == 0
    missing = run("verify", "vgg-face-tiny", "--against", "tiny-age")
    assert missing.status == 1 and "run: weights fetch tiny-age" in missing.err


def test_heads_take_names(published: Files) -> None:
    pytest.importorskip("PIL")
    finding, artefact = (import_module(f"heads.backbones.{name}") for name in ("finding", "artefact"))
    heads_errors = import_module("heads.errors")
    with pytest.raises(ConversionError, match="'tiny-face' is not here; to get them, run: weights fetch tiny-face"):
        finding.find_artefact(("tiny-face",), artefact.Hardware())
    have(published.archive)
    found = finding.find_artefact(("tiny-face",), artefact.Hardware())
    assert found.licence == "research only"
    assert [path.name for path in found.files] == ["net.prototxt", "net.caffemodel"]
    with pytest.raises(heads_errors.HeadsError, match="neither a file nor a known network; did you mean 'tiny-face'"):
        finding.find_artefact(("tiny-fase",), artefact.Hardware())


def test_bench_takes_names(published: Files, tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    network, request = (import_module(f"benchmarks.artefacts.{name}") for name in ("network", "request"))
    have(published.archive)
    found = network.read_network(request.Request(("tiny-face",), str(tmp_path / "work")))
    assert found.name == "tiny-face" and found.assumed == {}
