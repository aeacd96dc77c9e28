"""What this package writes, in every format, is the same network under audit."""

from pathlib import Path

import pytest

from audit_cases import BGR, against_tiny
from converters.conversion.pipeline import convert
from converters.options import Options

pytest.importorskip("keras")
pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.mark.parametrize(
    ("target", "name", "dtype"),
    [
        ("keras", "vgg.keras", "float32"),
        ("keras", "vgg.weights.h5", "float32"),
        ("keras", "half.keras", "float16"),
        ("torch", "vgg", "float32"),
        ("torch", "vgg.pt", "float32"),
        ("onnx", "vgg.onnx", "float32"),
        ("onnx", "half.onnx", "float16"),
    ],
)
def test_a_written_model_is_the_same_network(tmp_path: Path, target: str, name: str, dtype: str) -> None:
    convert(["vgg-face-tiny"], "caffe", target, Options(out=tmp_path / name, dtype=dtype, verify=False))
    found = against_tiny(tmp_path / name)
    assert found.same, found.conclusion
    assert found.conclusion.endswith(BGR)
    assert ("rounded to float16" in found.conclusion) is (dtype == "float16")
    assert ("channels flipped" not in found.conclusion) and not found.extras


def test_external_data_of_a_written_model(tmp_path: Path) -> None:
    options = Options(out=tmp_path / "vgg.onnx", external_data=True, verify=False)
    convert(["vgg-face-tiny"], "caffe", "onnx", options)
    assert (tmp_path / "vgg.onnx.data").exists()
    assert against_tiny(tmp_path / "vgg.onnx").same
