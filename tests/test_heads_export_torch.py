"""Heads exported as PyTorch modules, which need nothing of this package."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # noqa: F401 - backbones run in it
import pytest
import torch
from safetensors import safe_open

import trained_heads
from converters.torch_model.execution import executed
from heads.backbones import open_backbone
from heads.export import ExportOptions, export
from heads.export.probes import drawn_images
from heads.export.proof import expected_of_images
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
