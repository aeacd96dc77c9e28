"""PyTorch modules and exported programs as backbones give what the network gives."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from converters import passes, to_torch
from heads.backbones import Stated, open_backbone
from heads.errors import HeadsError
from test_heads_backbones import KNOWN, by_hand, embedded, face, images, near

NAMES = ("face", "face.pt", "face.pt2")


def saved(folder: Path, name: str, **options: Any) -> str:
    to_torch.save(options.pop("graph", face()), folder / name, **options)
    return str(folder / name)


@pytest.mark.parametrize("name", NAMES[:2])
@pytest.mark.parametrize("nodes", [["pool2", "fc7", "relu1"], ["prob", "conv1"]])
def test_every_value_can_be_asked_for(tmp_path: Path, name: str, nodes: list[str]) -> None:
    backbone = open_backbone([saved(tmp_path, name)], nodes)
    assert near(embedded(backbone, images()), by_hand(face(), images(), nodes))
    assert (backbone.device, backbone.spec().dtype, backbone.licence) == ("cpu", "float32", "MIT")


@pytest.mark.parametrize("name", NAMES)
def test_without_nodes_the_only_output_is_taken(tmp_path: Path, name: str) -> None:
    backbone = open_backbone([saved(tmp_path, name)])
    assert near(embedded(backbone, images()), by_hand(face(), images(), ["prob"]))
    assert backbone.preprocessing.mean is not None
    assert (backbone.preprocessing.mean == KNOWN.mean).all()


def test_files_of_a_module_can_be_named_one_by_one(tmp_path: Path) -> None:
    saved(tmp_path, "face")
    whole, module, weights = (
        open_backbone([str(tmp_path / "face" / name)], ["fc7"]) for name in ("", "small.py", "small.safetensors")
    )
    assert whole.model_sha256 == module.model_sha256 == weights.model_sha256


@pytest.mark.parametrize("name", NAMES)
def test_a_mean_image_is_found_in_every_form(tmp_path: Path, name: str) -> None:
    mean = np.random.default_rng(3).uniform(80, 130, (3, 13, 11)).astype(np.float32)
    path = saved(tmp_path, name, graph=face(preprocessing=replace(KNOWN, mean=mean)))
    backbone = open_backbone([path])
    assert backbone.preprocessing.mean is not None
    assert (backbone.preprocessing.mean == mean).all()


def test_what_comes_after_the_last_node_is_not_run(tmp_path: Path) -> None:
    path = Path(saved(tmp_path, "face"))
    text = (path / "small.py").read_text()
    (path / "small.py").write_text(text.replace("return self.prob(x)", "raise RuntimeError('too far')"))
    assert "too far" in (path / "small.py").read_text()
    with pytest.raises(HeadsError, match="RuntimeError: too far"):
        open_backbone([str(path)], ["prob"])


def test_half_precision_is_read_and_recorded(tmp_path: Path) -> None:
    backbone = open_backbone([saved(tmp_path, "face", dtype="float16")], ["fc7", "relu2"])
    assert backbone.spec().dtype == "float16"
    wanted = by_hand(face(), images(), ["fc7", "relu2"])
    assert 1e-6 < np.abs(embedded(backbone, images()) - wanted).max() / np.abs(wanted).max() < 1e-2


def test_a_network_that_preprocesses_itself_takes_pixels(tmp_path: Path) -> None:
    for name in NAMES:
        nodes = ["fc7"] if name != "face.pt2" else []
        backbone = open_backbone([saved(tmp_path, name, graph=passes.bake_preprocessing(face()))], nodes)
        assert backbone.input_dtype == "uint8"
        assert near(embedded(backbone, images()), by_hand(face(), images(), nodes or ["prob"]))


def test_a_program_of_a_fixed_batch_takes_any_number(tmp_path: Path) -> None:
    backbone = open_backbone([saved(tmp_path, "face.pt2", dynamic=())])
    assert backbone.engine.batch == 2
    assert near(embedded(backbone, images(5)), by_hand(face(), images(5), ["prob"]))


def test_a_program_with_several_outputs_names_them(tmp_path: Path) -> None:
    path = saved(tmp_path, "face.pt2", graph=face(outputs={"a": "fc7", "b": "pool2"}))
    with pytest.raises(HeadsError, match="the model has 2 outputs; name the nodes: a, b"):
        open_backbone([path])
    assert near(embedded(open_backbone([path], ["b", "a"]), images()), by_hand(face(), images(), ["pool2", "fc7"]))


MODULE = """
import torch
from pathlib import Path
from torch import nn
{constants}
class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
    def forward(self, x):
        return {result}
def load():
    model = Mine()
    model.load_state_dict(torch.load(Path(__file__).with_suffix(".pt"), weights_only=True))
    return model
"""


def foreign(folder: Path, constants: str = "", result: str = "x.mean((2, 3)) * self.weight") -> str:
    (folder / "mine.py").write_text(MODULE.format(constants=constants, result=result))
    torch.save({"weight": torch.tensor([1.0, 2.0, 3.0])}, folder / "mine.pt")
    return str(folder)


STATED = 'CHANNEL_ORDER, MEAN, SCALE, INPUT_SIZE = "BGR", (1.0, 2.0, 3.0), (0.5, 0.5, 0.5), (13, 11)'


def test_a_module_of_others_says_its_preprocessing_or_is_told(tmp_path: Path) -> None:
    pixels = np.stack([np.asarray(image, float)[..., ::-1] for image in images()])
    wanted = ((pixels - [1, 2, 3]) / 2).mean(axis=(1, 2)) * [1, 2, 3]
    told = open_backbone([foreign(tmp_path, STATED)])
    assert np.allclose(embedded(told, images()), wanted, rtol=1e-5)
    assert told.nodes == ("output",)
    path = foreign(tmp_path)
    with pytest.raises(HeadsError, match="the channel order is not known"):
        open_backbone([path])
    stated = Stated("BGR", (3.0, 2.0, 1.0), (0.5,), (13, 11))
    assert np.allclose(embedded(open_backbone([path], stated=stated), images()), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("x - x.mean(0)", "another value when a second image is beside it"),
        ("(x, x)", "the network gives a tuple, expected a tensor for output"),
        ("x.mean(1)", "the node 'output' gives [1, 13, 11] for 1 images"),
        ("x @ self.weight", "PyTorch cannot run it: RuntimeError"),
    ],
)
def test_what_cannot_be_an_embedding_is_refused(tmp_path: Path, result: str, message: str) -> None:
    with pytest.raises(HeadsError) as caught:
        open_backbone([foreign(tmp_path, STATED, result)])
    assert message in str(caught.value)


def test_a_module_that_fails_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(HeadsError, match="mine.py: the module cannot be loaded: ZeroDivisionError: division by zero"):
        open_backbone([foreign(tmp_path, "1 / 0")])


def test_a_module_that_was_edited_until_it_breaks_is_refused(tmp_path: Path) -> None:
    path = Path(saved(tmp_path, "face"))
    text = (path / "small.py").read_text()
    (path / "small.py").write_text(text.replace("self.fc7(x)", "self.fc99(x)"))
    with pytest.raises(HeadsError, match="AttributeError: .* no attribute 'fc99'"):
        open_backbone([str(path)], ["fc6"])


def test_folders_without_a_module_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HeadsError, match="a PyTorch folder has one module <name>.py .* beside it; found: none"):
        open_backbone([str(tmp_path)])
    torch.save({}, tmp_path / "w.pt")
    with pytest.raises(HeadsError, match="there is no module w.py beside it .* inception-resnet-v1 WEIGHTS"):
        open_backbone([str(tmp_path / "w.pt")])
    (tmp_path / "m.py").write_text("1")
    with pytest.raises(HeadsError, match="there are no weights beside it"):
        open_backbone([str(tmp_path / "m.py")])


def test_what_is_no_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.pt2").write_bytes(b"nothing")
    with pytest.raises(HeadsError, match="PyTorch cannot load it"):
        open_backbone([str(tmp_path / "m.pt2")])


@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(HeadsError, match="cuda:7 is not there: PyTorch finds"):
        open_backbone([saved(tmp_path, name)], device="cuda:7")


def test_want_of_memory_is_told_as_such(tmp_path: Path) -> None:
    result = "x.mean((2, 3)) + torch.zeros((len(x) > 2) * 2**60 + 1)[:1]"
    backbone = open_backbone([foreign(tmp_path, STATED, result)])
    with pytest.raises(MemoryError):
        embedded(backbone, images(3))
