"""PyTorch's files under audit: state_dicts and checkpoints; whatever would run code is refused."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audit_cases import BGR, RGB, WHOSE, against_tiny
from audited_files import FIRST, caffe_form, flat, flipped, renamed
from converters.audit.reading.opening import read_tensors
from converters.errors import ConversionError


class Runs:
    """Would write a file if it were ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def state(prefix: str = "", dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    return OrderedDict(
        (f"{prefix}{name}", torch.from_numpy(np.array(array)).to(dtype)) for name, array in flat(caffe_form()).items()
    )


def conclusion(path: Path) -> str:
    return against_tiny(path).conclusion


def test_a_dag_with_the_names_of_caffe(tmp_path: Path) -> None:
    tensors = {name: torch.from_numpy(array) for name, array in flat(flipped(caffe_form())).items()}
    torch.save(tensors, tmp_path / "vgg_face_dag.pth")
    assert conclusion(tmp_path / "vgg_face_dag.pth") == f"{WHOSE}, first convolution flipped to RGB: {RGB}"


def test_a_checkpoint_of_training_with_several_machines(tmp_path: Path) -> None:
    checkpoint = {
        "epoch": 3,
        "best": torch.tensor(0.5),
        "state_dict": {**state("module."), "module.steps": torch.tensor(7)},
        "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]},
        "args": {"lr": 0.1},
    }
    torch.save(checkpoint, tmp_path / "checkpoint.pt")
    found = against_tiny(tmp_path / "checkpoint.pt")
    assert found.same and found.format == "PyTorch state_dict (state_dict)"
    assert found.left_out == (
        "the state of the optimizer ('optimizer') is left out",
        "'args' beside 'state_dict' is left out",
        "1 counters or single numbers are left out: steps",
    )
    assert found.layers[0].arrays[0].name == "conv1_1.weight"


def test_a_state_dict_two_levels_down_and_the_old_format(tmp_path: Path) -> None:
    torch.save({"model": {"net": state()}}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    contents = read_tensors(tmp_path / "a.pt")
    assert contents.format == "PyTorch state_dict (model.net)" and len(contents.tensors) == 32
    assert conclusion(tmp_path / "a.pt") == f"{WHOSE}, unchanged: {BGR}"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.save(state(dtype=dtype), tmp_path / "half.pt")
    assert conclusion(tmp_path / "half.pt") == f"{WHOSE}, rounded to {str(dtype).removeprefix('torch.')}: {BGR}"


def test_a_sequential_model_is_aligned_by_content(tmp_path: Path) -> None:
    layers = renamed(caffe_form(), [f"features.{number}" for number in range(16)])
    torch.save({name: torch.from_numpy(array) for name, array in flat(layers).items()}, tmp_path / "a.pth")
    found = against_tiny(tmp_path / "a.pth")
    assert found.same and found.layers[0].layer == FIRST and found.layers[0].arrays[0].how == "content"


def test_views_with_other_strides_are_read_as_they_are(tmp_path: Path) -> None:
    tensors = state()
    tensors["fc7.weight"] = tensors["fc7.weight"].T.contiguous().T
    assert not tensors["fc7.weight"].is_contiguous()
    torch.save(tensors, tmp_path / "a.pt")
    assert conclusion(tmp_path / "a.pt") == f"{WHOSE}, unchanged: {BGR}"


def test_code_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    torch.save({"state_dict": state(), "config": Runs(trace)}, tmp_path / "a.pt")
    with pytest.raises(ConversionError, match=r"is no tensor, and loading it would run code, which is never done"):
        read_tensors(tmp_path / "a.pt")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Runs(trace), protocol=2))
    with pytest.raises(ConversionError, match=r"plain\.pth"):
        read_tensors(tmp_path / "plain.pth")
    assert not trace.exists()


def test_a_whole_model_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(ConversionError, match=r"torch\.nn\.modules\.linear\.Linear.*torch\.save\(model\.state_dict"):
        read_tensors(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"a": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, "'a' is quantized or sparse"),
        ({"a": torch.eye(3).to_sparse()}, "'a' is quantized or sparse"),
        ({"a": torch.ones(3, dtype=torch.complex64)}, "'a' holds torch.complex64 values"),
        ({"a": 1, "b": "text"}, "holds no state_dict"),
        ([torch.ones(3)], "holds no state_dict"),
        ({"steps": torch.tensor([1, 2])}, "holds no trained arrays"),
    ],
)
def test_what_holds_no_plain_weights_is_refused(tmp_path: Path, made: Any, message: str) -> None:
    torch.save(made, tmp_path / "a.pt")
    with pytest.raises(ConversionError) as refused:
        read_tensors(tmp_path / "a.pt")
    assert message in str(refused.value)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    torch.save(state(), tmp_path / "a.pt")
    whole = (tmp_path / "a.pt").read_bytes()
    for name, content, message in (
        ("cut.pt", whole[: len(whole) // 2], "PyTorch cannot load it"),
        ("text.pt", b"<html>not found</html>", "is a web page"),
        ("other.pt", b"something", "is no PyTorch file"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConversionError, match=message):
            read_tensors(tmp_path / name)
