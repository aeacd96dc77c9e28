"""Heads exported as ONNX: from sources, from ONNX backbones of ours and of others, alone; and what is refused."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from PIL import Image

import trained_heads
from converters.errors import ConversionError, ParityError
from converters.parity import sha256_of
from heads.backbones import open_backbone
from heads.backbones.stating import Stated
from heads.embeddings.labelled import Labelled
from heads.errors import HeadsError, MismatchError, UsageError
from heads.export import Evidence, Exported, ExportOptions, export, exporting
from heads.models.head import Array, Head
from heads.models.inference import probabilities
from heads.prediction import predict
from heads_faces import draw, face_table
from trained_heads import NODES, embedded, head_on, images, said, saved, spec_of, written

WHOLE = ExportOptions(with_backbone=True)


def run(path: Path, pixels: Array) -> Array:
    """Run an exported file as anybody does, after checking it."""
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(path)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: pixels})[0])[:, 0]


def metadata(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path, load_external_data=False).metadata_props}


def trained_on(file: Path, folder: Path, kind: str = "linear", **settings: Any) -> tuple[Path, Head]:
    """A head on a backbone in a file, and where it is saved."""
    normalize = settings.pop("normalize", False)
    backbone = open_backbone([str(file)], settings.pop("nodes", NODES), normalize=normalize, **settings)
    head = head_on(spec_of(backbone), kind, facts=trained_heads.facts(backbone=[str(file)]))
    return saved(head, folder / "head"), head


@pytest.mark.parametrize("normalize", [False, True])
def test_probability_from_pixels_is_that_by_hand(tmp_path: Path, normalize: bool) -> None:
    folder, head = trained_on(written(tmp_path, "b.onnx"), tmp_path, normalize=normalize)
    export(folder, tmp_path / "out.onnx", WHOLE)
    pixels = images(5)
    expected = said(head, embedded(pixels, normalized=normalize))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels), expected, atol=1e-6)
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels[:1]), expected[:1], atol=1e-6)


@pytest.mark.parametrize("kind", ["mlp", "svm", "centroid"])
def test_every_kind_of_head_that_is_a_network(tmp_path: Path, kind: str) -> None:
    folder, head = trained_on(written(tmp_path, "b.onnx"), tmp_path, kind)
    done = export(folder, tmp_path / "out.onnx", WHOLE)
    assert done.differences["probability"] < 1e-6
    assert done.differences["embedding"] < 1e-5
    pixels = images(4)
    expected = probabilities(head, embedded(pixels).astype(np.float32))
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels), expected, atol=1e-5)


def test_a_backbone_that_takes_pixels_keeps_its_own_preprocessing(tmp_path: Path) -> None:
    folder, head = trained_on(written(tmp_path, "b.onnx", bake_preprocessing=True), tmp_path)
    export(folder, tmp_path / "out.onnx", WHOLE)
    pixels = images(3)
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels), said(head, embedded(pixels)), atol=1e-6)


def test_sources_and_predictions_agree_on_images_of_any_size(tmp_path: Path) -> None:
    backbone = open_backbone(["vgg-face-tiny"], ("pool5", "fc7"))
    head = head_on(spec_of(backbone), facts=trained_heads.facts(backbone=["vgg-face-tiny"]))
    done = export(saved(head, tmp_path / "head"), tmp_path / "out.onnx", WHOLE)
    assert done.identity is not None and done.identity.how == "sha256"
    photo = Image.fromarray(images(1, size=(80, 70))[0].transpose(1, 2, 0))
    photo.save(tmp_path / "a.png")
    wanted = predict([tmp_path / "a.png"], head, backbone)[0].probability
    resized = np.asarray(photo.resize((64, 64), Image.Resampling.BILINEAR)).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(run(tmp_path / "out.onnx", resized)[0], wanted, atol=1e-5)


def test_the_file_says_how_to_decide_and_where_it_is_from(tmp_path: Path) -> None:
    folder, head = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    export(folder, tmp_path / "out.onnx", WHOLE)
    told = metadata(tmp_path / "out.onnx")
    assert json.loads(told["labels"]) == ["female", "male"]
    assert told["positive_class"] == "male"
    assert [float(told[name]) for name in ("threshold", "abstain_from", "abstain_to", "temperature")] == [
        0.45, 0.4, 0.6, 1.7,
    ]  # fmt: skip
    assert told["licence"] == "published weights: MIT"
    assert json.loads(told["source_sha256"]) == {"b.onnx": head.embedding.model_sha256}
    assert json.loads(told["backbone_source_sha256"]) == {"small.caffemodel": "ab" * 32}
    assert json.loads(told["embedding"])["nodes"] == list(NODES)
    assert json.loads(told["crop"])["in_this_file"] is False
    assert json.loads(told["preprocessing"]) == {
        "channel_order": "RGB", "scale": [1.0, 1.0, 1.0], "size_height_width": [13, 11], "mean": [0.0, 0.0, 0.0],
    }  # fmt: skip
    assert json.loads(told["data"])["label_source"] == "annotator-perceived"
    assert "/home" not in json.dumps(told)


def test_a_licence_that_restricts_goes_with_the_file(tmp_path: Path) -> None:
    spec = trained_heads.plain_spec(licence="published weights: non-commercial research only")
    export(saved(head_on(spec), tmp_path / "head"), tmp_path / "out.onnx")
    told = metadata(tmp_path / "out.onnx")
    assert told["licence"] == "published weights: non-commercial research only"
    assert told["use"] == "non-commercial"


def test_the_certificate_states_files_and_differences(tmp_path: Path) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    done = export(folder, tmp_path / "out.onnx", WHOLE)
    told = json.loads(done.certificate.read_text())
    assert told["verdict"] == "ok"
    assert told["backbone_recognised"]["how"] == "sha256"
    assert {file["name"]: file["sha256"] for file in told["files_written"]} == {
        "out.onnx": sha256_of(tmp_path / "out.onnx")
    }
    read = {file["name"]: file["sha256"] for file in told["files_read"]}
    assert read == {
        "b.onnx": sha256_of(tmp_path / "b.onnx"),
        "head.json": sha256_of(folder / "head.json"),
        "weights.safetensors": sha256_of(folder / "weights.safetensors"),
    }
    first = told["runs"][0]
    assert [node["node"] for node in first["nodes"]] == ["embedding", "logit", "probability"]
    assert all(node["ok"] and node["difference"] < 1e-5 for node in first["nodes"])


def test_the_same_export_gives_the_same_bytes(tmp_path: Path) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    export(folder, tmp_path / "out.onnx", WHOLE)
    before = (tmp_path / "out.onnx").read_bytes()
    export(folder, tmp_path / "out.onnx", replace(WHOLE, force=True))
    assert (tmp_path / "out.onnx").read_bytes() == before


def test_only_what_the_head_needs_of_the_backbone_is_in_the_file(tmp_path: Path) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    export(folder, tmp_path / "out.onnx", WHOLE)
    model = onnx.load(tmp_path / "out.onnx")
    assert not any("fc8" in name for node in model.graph.node for name in [*node.input, *node.output])
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["probability"]
    assert model.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8


def test_weights_beside_a_backbone_come_into_the_file(tmp_path: Path) -> None:
    folder, head = trained_on(written(tmp_path, "b.onnx", external_data=True), tmp_path)
    assert (tmp_path / "b.onnx.data").exists()
    export(folder, tmp_path / "out.onnx", WHOLE)
    assert not (tmp_path / "out.onnx.data").exists()
    pixels = images(2)
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels), said(head, embedded(pixels)), atol=1e-6)


def test_weights_beyond_a_message_go_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, head = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    monkeypatch.setattr("converters.onnx_model.file.LARGEST_MESSAGE", 1000)
    done = export(folder, tmp_path / "out.onnx", WHOLE)
    assert [path.name for path in done.files] == ["out.onnx", "out.onnx.data"]
    pixels = images(2)
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels), said(head, embedded(pixels)), atol=1e-6)


def others_model(folder: Path, *, last: bool = False, batch: int | str = "n", opset: int = 17) -> Path:
    """A network that others might have made: its values have the very names that an export gives to its own."""
    shape = [batch, 6, 5, 3] if last else [batch, 3, 6, 5]
    weight = np.random.default_rng(1).normal(0, 0.2, (4, 3, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Transpose", ["image"], ["first"], perm=[0, 3, 1, 2])] if last else []
    nodes += [
        helper.make_node("Conv", ["first" if last else "image", "weight"], ["logit"], "embedding"),
        helper.make_node("Relu", ["logit"], ["maps"], "probability"),
    ]
    nodes += [helper.make_node("Transpose", ["maps"], ["embedding"], perm=[0, 2, 3, 1] if last else [0, 1, 2, 3])]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, folder / "theirs.onnx")
    return folder / "theirs.onnx"


STATED = Stated(channel_order="BGR", mean=(100.0, 110.0, 120.0), scale=(0.02,))


@pytest.mark.parametrize("settings", [{}, {"last": True}, {"batch": 2}, {"last": True, "batch": 3}])
def test_models_of_others(tmp_path: Path, settings: dict[str, Any]) -> None:
    path = others_model(tmp_path, **settings)
    folder, head = trained_on(path, tmp_path, nodes=(), stated=STATED)
    done = export(folder, tmp_path / "out.onnx", WHOLE)
    assert done.differences["probability"] < 1e-6
    backbone = open_backbone([str(path)], (), stated=STATED)
    pixels = images(settings.get("batch", 4), size=(6, 5))
    pictures = [Image.fromarray(one.transpose(1, 2, 0)) for one in pixels]
    expected = said(head, backbone.run(np.stack([backbone.prepare(one) for one in pictures])).astype(np.float64))
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels), expected, atol=1e-6)
    fixed = onnx.load(tmp_path / "out.onnx").graph.input[0].type.tensor_type.shape.dim[0].dim_value
    assert fixed == settings.get("batch", 0)


def test_operators_that_only_some_runtimes_know_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "b.onnx")
    folder, head = trained_on(path, tmp_path)
    model = onnx.load(path)
    model.graph.node[-1].domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node[-1].op_type = "QuickGelu"
    onnx.save(model, path)
    backbone = open_backbone([str(path)], NODES)
    saved(replace(head, embedding=spec_of(backbone)), folder)
    with pytest.raises(HeadsError, match="com.microsoft.QuickGelu.*--backbone"):
        export(folder, tmp_path / "out.onnx", WHOLE)
    assert_nothing(tmp_path)


def test_an_opset_that_nothing_can_be_joined_to_is_refused(tmp_path: Path) -> None:
    folder, _ = trained_on(others_model(tmp_path, opset=11), tmp_path, nodes=(), stated=STATED)
    with pytest.raises(HeadsError, match="opset 11; a head can be joined to opsets 13 to 21"):
        export(folder, tmp_path / "out.onnx", WHOLE)


def test_half_precision_is_refused(tmp_path: Path) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx", dtype="float16"), tmp_path)
    with pytest.raises(HeadsError, match="computes in float16"):
        export(folder, tmp_path / "out.onnx", WHOLE)


def test_a_head_without_a_graph_is_refused_by_name(tmp_path: Path) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx"), tmp_path, "knn")
    for options in (WHOLE, ExportOptions()):
        with pytest.raises(HeadsError, match="kind 'knn'"):
            export(folder, tmp_path / "out.onnx", options)
    assert_nothing(tmp_path)


def assert_nothing(folder: Path) -> None:
    assert [path.name for path in folder.iterdir() if path.name.startswith(("out", "."))] == []


def test_what_differs_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    other = partial(exporting.expected_of_images)

    def moved(head: Head, *rest: Any) -> Any:
        found = other(head, *rest)
        return replace(found, values={**found.values, "probability": found.values["probability"] + 2e-5})

    monkeypatch.setattr(exporting, "expected_of_images", moved)
    with pytest.raises(ParityError, match="from pixels to probability: 'probability'"):
        export(folder, tmp_path / "out.onnx", WHOLE)
    assert_nothing(tmp_path)


def labelled_on(file: Path, folder: Path, count: int = 12) -> tuple[Labelled, Head]:
    """Embeddings of drawn faces, stored with their images, and a head on these."""
    names = [f"{number}.png" for number in range(count)]
    (folder / "faces").mkdir()
    draw(folder / "faces", {name: number for number, name in enumerate(names)})
    backbone = open_backbone([str(file)], NODES)
    prepared = [backbone.prepare(Image.open(folder / "faces" / name).convert("RGB")) for name in names]
    vectors = backbone.run(np.stack(prepared))
    table = face_table(folder / "faces", path=names)
    head = head_on(spec_of(backbone), facts=trained_heads.facts(backbone=[str(file)]))
    return Labelled(vectors, table, spec_of(backbone), (str(file),)), head


def test_another_file_of_the_same_network_is_recognised_by_stored_embeddings(tmp_path: Path) -> None:
    labelled, head = labelled_on(written(tmp_path, "b.onnx"), tmp_path)
    (tmp_path / "b.onnx").unlink()
    other = written(tmp_path, "other.onnx", bake_preprocessing=True)
    options = replace(WHOLE, backbone=(str(other),), evidence=Evidence(labelled=labelled))
    done = export(saved(head, tmp_path / "head"), tmp_path / "out.onnx", options)
    assert done.identity is not None and done.identity.compared == 8
    pixels = images(3)
    np.testing.assert_allclose(run(tmp_path / "out.onnx", pixels), said(head, embedded(pixels)), atol=1e-6)


def test_another_file_is_recognised_by_the_original_where_that_is_left(tmp_path: Path) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    other = written(tmp_path, "other.onnx", bake_preprocessing=True)
    done = export(folder, tmp_path / "out.onnx", replace(WHOLE, backbone=(str(other),)))
    assert done.identity is not None and "original files" in done.identity.how


def test_another_file_is_refused_where_nothing_is_left_to_compare_with(tmp_path: Path) -> None:
    folder, _ = trained_on(written(tmp_path, "b.onnx"), tmp_path)
    (tmp_path / "b.onnx").unlink()
    other = written(tmp_path, "other.onnx", bake_preprocessing=True)
    with pytest.raises(HeadsError, match="model with sha256 .* --embeddings"):
        export(folder, tmp_path / "out.onnx", replace(WHOLE, backbone=(str(other),)))
    with pytest.raises(HeadsError, match="b.onnx"):
        export(folder, tmp_path / "out.onnx", WHOLE)


def test_another_network_is_refused(tmp_path: Path) -> None:
    labelled, head = labelled_on(written(tmp_path, "b.onnx"), tmp_path)
    wrong = written(tmp_path, "wrong.onnx", channel_order="RGB", bake_preprocessing=True)
    options = replace(WHOLE, backbone=(str(wrong),), evidence=Evidence(labelled=labelled))
    with pytest.raises(MismatchError, match="not the one that the head was trained on: .* same 8 images"):
        export(saved(head, tmp_path / "head"), tmp_path / "out.onnx", options)
    stranger = replace(labelled, spec=replace(labelled.spec, normalized=True))
    options = replace(options, evidence=Evidence(labelled=stranger))
    with pytest.raises(MismatchError, match="not those of this head: normalized"):
        export(tmp_path / "head", tmp_path / "out.onnx", options)


@pytest.mark.parametrize(
    ("words", "out", "message"),
    [
        (("b.onnx",), "out.keras", "b.onnx is an ONNX file, which can only become part of a file of the same kind"),
        (("b.keras",), "out.onnx", "convert keras-to-onnx"),
        (("b.pt",), "out.onnx", "is a PyTorch model.*--backbone"),
        (("module.py",), "out", "is a PyTorch model"),
        (("b.onnx", "c.onnx"), "out.onnx", "one file; 2 are given"),
    ],
)
def test_what_cannot_be_joined_is_refused_before_anything_is_opened(
    tmp_path: Path, words: tuple[str, ...], out: str, message: str
) -> None:
    folder = saved(head_on(trained_heads.plain_spec()), tmp_path / "head")
    with pytest.raises(HeadsError, match=message):
        export(folder, tmp_path / out, replace(WHOLE, backbone=words))
    assert_nothing(tmp_path)


def test_outputs_that_cannot_be_written_are_refused_first(tmp_path: Path) -> None:
    folder = saved(head_on(trained_heads.plain_spec()), tmp_path / "head")
    (tmp_path / "out.onnx").write_text("mine")
    with pytest.raises(ConversionError, match="exists already"):
        export(folder, tmp_path / "out.onnx")
    with pytest.raises(UsageError, match="weights alone"):
        export(folder, tmp_path / "out.weights.h5")
    with pytest.raises(UsageError, match="--with-backbone"):
        export(folder, tmp_path / "other.onnx", ExportOptions(backbone=("b.onnx",)))
    assert (tmp_path / "out.onnx").read_text() == "mine"


def test_a_head_that_does_not_say_where_its_backbone_is(tmp_path: Path) -> None:
    folder = saved(head_on(trained_heads.plain_spec(), facts={}), tmp_path / "head")
    with pytest.raises(HeadsError, match="small.onnx.*--backbone"):
        export(folder, tmp_path / "out.onnx", WHOLE)


@pytest.mark.parametrize("kind", ["linear", "mlp", "svm", "centroid"])
def test_a_head_alone_takes_embeddings(tmp_path: Path, kind: str) -> None:
    head = head_on(trained_heads.plain_spec(), kind)
    done = export(saved(head, tmp_path / "head"), tmp_path / "out.onnx")
    vectors = np.random.default_rng(3).normal(0, 1, (7, 8)).astype(np.float32)
    np.testing.assert_allclose(run(tmp_path / "out.onnx", vectors), probabilities(head, vectors), atol=1e-6)
    assert done.identity is None and "embedding" not in done.differences
    told = json.loads(metadata(tmp_path / "out.onnx")["embedding"])
    assert told["preprocessing"]["channel_order"] == "RGB"


def test_a_certificate_elsewhere(tmp_path: Path) -> None:
    folder = saved(head_on(trained_heads.plain_spec()), tmp_path / "head")
    place = tmp_path / "proof.json"
    done: Exported = export(folder, tmp_path / "out.onnx", ExportOptions(certificate=place))
    assert done.certificate == place and json.loads(place.read_text())["verdict"] == "ok"
    assert not (tmp_path / "out.onnx.certificate.json").exists()
