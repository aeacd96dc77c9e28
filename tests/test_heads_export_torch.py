"""Heads exported as PyTorch modules, which need nothing of this package."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # noqa: F401 - backbones of sources run in it
import pytest
import torch
from safetensors import safe_open

import trained_heads
from converters.torch_model.execution import executed
from heads.backbones import open_backbone
from heads.backbones.inception_resnet_v1 import InceptionResnetV1, from_state
from heads.backbones.stating import Stated
from heads.export import ExportOptions, export
from heads.export.identity import opened
from heads.export.inception_graph import read_inception
from heads.export.kinds import files_of
from heads.export.probes import drawn_images
from heads.export.proof import expected_of_images
from heads.export.sources import read_sources, whole_graph
from heads.models.head import Head
from heads.models.inference import probabilities
from trained_heads import head_on, plain_spec, saved, spec_of

# Runs a module in a process that knows nothing of this package: isolated, in another folder.
SCRIPT = """
import importlib.util, json, sys
import numpy as np
import torch
spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
with torch.inference_mode():
    found = exported.load()(torch.from_numpy(np.load(sys.argv[2])))
told = {name: getattr(exported, name) for name in ("LABELS", "POSITIVE", "THRESHOLD", "ABSTAIN_FROM", "ABSTAIN_TO")}
assert not any(name.split(".")[0] in ("heads", "converters") for name in sys.modules)
print(json.dumps({"found": found[:, 0].tolist(), "facts": exported.FACTS, **told}))
"""


def run_alone(module: Path, given: Any, folder: Path) -> dict[str, Any]:
    np.save(folder / "given.npy", given)
    command = [sys.executable, "-I", "-c", SCRIPT, str(module), str(folder / "given.npy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=folder)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def tiny(folder: Path) -> tuple[Path, Head, Any]:
    backbone = open_backbone(["vgg-face-tiny"], ("pool5", "fc7"), normalize=True)
    head = head_on(spec_of(backbone), "mlp", facts=trained_heads.facts(backbone=["vgg-face-tiny"]))
    return saved(head, folder / "head"), head, backbone


@pytest.mark.parametrize("out", ["face_module", "face.pt"])
def test_a_module_predicts_from_pixels_on_its_own(tmp_path: Path, out: str) -> None:
    folder, head, backbone = tiny(tmp_path)
    done = export(folder, tmp_path / out, ExportOptions(with_backbone=True))
    expected = expected_of_images(head, backbone, drawn_images((64, 64), 3, seed=5))
    module = next(path for path in done.files if path.suffix == ".py")
    told = run_alone(module, expected.pixels, tmp_path)
    np.testing.assert_allclose(told["found"], expected.values["probability"][:, 0], atol=1e-5)
    assert told["LABELS"] == ["female", "male"] and told["POSITIVE"] == "male"
    assert [told[name] for name in ("THRESHOLD", "ABSTAIN_FROM", "ABSTAIN_TO")] == [0.45, 0.4, 0.6]
    assert told["facts"]["embedding"]["normalized"] is True
    assert "/home" not in module.read_text()


def test_an_exported_program_predicts_from_pixels(tmp_path: Path) -> None:
    folder, head, backbone = tiny(tmp_path)
    export(folder, tmp_path / "face.pt2", ExportOptions(with_backbone=True))
    expected = expected_of_images(head, backbone, drawn_images((64, 64), 3, seed=5))
    program = torch.export.load(tmp_path / "face.pt2").module()
    found = program(torch.from_numpy(expected.pixels)).detach().numpy()
    np.testing.assert_allclose(found, expected.values["probability"], atol=1e-5)


@pytest.fixture(scope="module")
def inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights under which every value is of a sensible size, those of the normalizations included."""
    torch.manual_seed(0)
    model = InceptionResnetV1(7)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    path = tmp_path_factory.mktemp("inception") / "faces.pt"
    torch.save(model.state_dict(), path)
    return path


def test_inception_resnet_as_a_graph_is_the_network(inception: Path) -> None:
    graph = read_inception(inception, (77, 90))
    image = np.random.default_rng(0).normal(0, 1, (1, 3, 77, 90)).astype(np.float32)
    model = from_state(torch.load(inception, weights_only=True))
    with torch.inference_mode():
        features = model.features(torch.from_numpy(image))
        expected = model(torch.from_numpy(image)).numpy()
        logits = model.logits(features).numpy()
    values = graph.output_values(graph.run({"data": image}))
    np.testing.assert_allclose(values["embedding"], expected, atol=1e-6)
    np.testing.assert_allclose(values["logits"], logits, rtol=1e-4, atol=1e-5)
    assert graph.parameter_count() == sum(p.numel() for p in model.state_dict().values() if p.is_floating_point())


def test_a_head_on_inception_resnet_at_the_size_it_was_trained_at(inception: Path) -> None:
    words = ["inception-resnet-v1", str(inception)]
    head = head_on(spec_of(open_backbone(words, stated=Stated(size=(80, 80)))))
    backbone = opened(words, head.embedding)
    whole = whole_graph(read_sources(words, backbone.preparation.size), backbone.preprocessing, head, "face")
    expected = expected_of_images(head, backbone, drawn_images((80, 80), 1))
    assert whole.graph.inputs["image"] == expected.pixels.shape == (1, 3, 80, 80)
    found = whole.graph.output_values(whole.graph.run({"image": expected.pixels}))
    np.testing.assert_allclose(found["probability"], expected.values["probability"], atol=1e-5)
    assert files_of(words) == [inception]


def test_weights_carry_the_facts(tmp_path: Path) -> None:
    folder = saved(head_on(plain_spec()), tmp_path / "head")
    done = export(folder, tmp_path / "alone")
    assert done.certificate == tmp_path / "alone" / "certificate.json"
    with safe_open(tmp_path / "alone" / "alone.safetensors", "np") as file:
        told = file.metadata()
    assert json.loads(told["labels"]) == ["female", "male"]
    assert told["positive_class"] == "male" and float(told["threshold"]) == 0.45


def test_a_head_alone_takes_embeddings(tmp_path: Path) -> None:
    head = head_on(plain_spec(), "svm")
    export(saved(head, tmp_path / "head"), tmp_path / "alone")
    vectors = np.random.default_rng(2).normal(0, 1, (4, 8)).astype(np.float32)
    module = executed((tmp_path / "alone" / "alone.py").read_text(), tmp_path / "alone" / "alone.py")
    found = module.load()(torch.from_numpy(vectors)).detach().numpy()
    np.testing.assert_allclose(found[:, 0], probabilities(head, vectors), atol=1e-5)
