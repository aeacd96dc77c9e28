"""The packed networks: what the registry says, and parameter counts worked out from the prototxt text alone."""

import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cases
import prototxt
from prototxt import make_tiny

# name -> parameters of convolutions, inner products and Scale layers
PARAMETERS = {
    "vgg-face": 145_002_878,
    "vgg-face-notop": 14_714_688,
    "vgg-face-tiny": 198_792,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "resnet50": 25_557_096,  # torchvision's 25,557,032 and conv1's 64 biases
    "age-net": 11_415_048,
    "gender-net": 11_411_970,
}
RESNET50_STATISTICS = 2 * 26_560 + 53


def layers(text: str) -> Iterator[dict[str, list[str]]]:
    """Give each layer's fields, nested ones too; the files here use no name at two depths."""
    for body in re.findall(r"^layers? \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE):
        fields: dict[str, list[str]] = {}
        for key, value in re.findall(r'(\w+): "?([^"\n]+)"?', body):
            fields.setdefault(key, []).append(value)
        yield fields


def windows(size: int, fields: dict[str, list[str]]) -> float:
    kernel = int(fields["kernel_size"][0])
    pad, stride = (int(fields.get(key, [default])[0]) for key, default in (("pad", "0"), ("stride", "1")))
    return (size + 2 * pad - kernel) / stride + 1


def count(text: str) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Count the numbers each kind of layer holds, and work out (channels, size) of every blob, from Caffe's rules."""
    _, channels, height, width = map(int, re.findall(r"input_dim: (\d+)", text))
    assert height == width
    shapes = {"data": (channels, height)}
    counts = dict.fromkeys(("learned", "statistics"), 0)
    for fields in layers(text):
        kind = fields["type"][0].replace("_", "").lower()
        depth, size = shapes[fields["bottom"][0]]
        outputs = int(fields.get("num_output", [str(depth)])[0])
        bias = fields.get("bias_term") != ["false"]
        if kind == "convolution":
            counts["learned"] += outputs * depth * int(fields["kernel_size"][0]) ** 2 + outputs * bias
            size = math.floor(windows(size, fields))
        elif kind == "pooling":
            size = math.ceil(windows(size, fields))
        elif kind == "innerproduct":
            counts["learned"] += outputs * depth * size**2 + outputs
            size = 1
        elif kind == "scale":
            counts["learned"] += 2 * depth
        elif kind == "batchnorm":
            counts["statistics"] += 2 * depth + 1
        elif kind == "eltwise":
            assert len({shapes[bottom] for bottom in fields["bottom"]}) == 1
        else:
            assert kind in {"relu", "dropout", "softmax", "lrn"}
        shapes[fields["top"][0]] = (outputs, size)
    return counts, shapes


@pytest.mark.parametrize("name", prototxt.names())
def test_parameters_are_as_published(name: str) -> None:
    counts, _ = count(prototxt.find(name).prototxt.read_text())
    assert counts == {"learned": PARAMETERS[name], "statistics": RESNET50_STATISTICS * (name == "resnet50")}


@pytest.mark.parametrize("name", prototxt.names())
def test_header_states_what_the_file_is(name: str) -> None:
    text = prototxt.find(name).prototxt.read_text()
    header = text[: text.index("name:")]
    assert f"{PARAMETERS[name]:,}" in header
    assert "Input:" in header
    assert "BGR" in header
    assert header.startswith("# ")
    for value in prototxt.find(name).mean:
        assert f"{value:.4f}".rstrip("0") in header


def test_last_blobs_have_the_published_sizes() -> None:
    ends = {"vgg-face": ("prob", 2622, 1), "vgg-face-notop": ("pool5", 512, 7), "vgg-face-tiny": ("prob", 164, 1)}
    ends |= {"vgg16": ("prob", 1000, 1), "resnet50": ("prob", 1000, 1), "age-net": ("prob", 8, 1)}
    for name, (blob, *shape) in ends.items():
        _, shapes = count(prototxt.find(name).prototxt.read_text())
        assert list(shapes)[-1] == blob
        assert shapes[blob] == tuple(shape)


def test_pooling_rounds_up_where_it_matters() -> None:
    _, resnet = count(prototxt.find("resnet50").prototxt.read_text())
    assert (resnet["conv1"], resnet["pool1"]) == ((64, 112), (64, 56))
    assert (resnet["res5c"], resnet["pool5"]) == ((2048, 7), (2048, 1))
    _, age = count(prototxt.find("age-net").prototxt.read_text())
    assert (age["conv1"], age["pool1"], age["pool2"], age["pool5"]) == ((96, 56), (96, 28), (256, 14), (384, 7))


def test_vgg_face_is_the_network_that_the_reference_was_computed_with() -> None:
    body = re.sub(r"^#.*\n", "", prototxt.find("vgg-face").prototxt.read_text(), flags=re.MULTILINE)
    assert body == cases.vggface_full().prototxt.read_text()


@pytest.mark.parametrize("name", [name for name in prototxt.names() if prototxt.find(name).labels])
def test_there_is_one_label_for_each_output(name: str) -> None:
    deploy = prototxt.find(name)
    _, shapes = count(deploy.prototxt.read_text())
    assert shapes["prob"] == (len(deploy.labels), 1)


def test_only_the_tiny_network_has_weights() -> None:
    assert [name for name in prototxt.names() if prototxt.find(name).weights] == ["vgg-face-tiny"]
    assert all(deploy.name == name for name, deploy in prototxt.DEPLOYS.items())


def test_every_file_of_the_package_is_registered() -> None:
    files = {path.name for path in Path(prototxt.__file__).parent.glob("*.prototxt")}
    assert files == {deploy.prototxt.name for deploy in prototxt.DEPLOYS.values()}


def test_unknown_name_gets_the_nearest_spelling() -> None:
    with pytest.raises(ValueError, match=r"no network is called 'VGG_FACE_tiny'\. Did you mean 'vgg-face-tiny'\?"):
        prototxt.find("VGG_FACE_tiny")
    with pytest.raises(ValueError, match=r"'zzzz'\. Known names: vgg-face, .*gender-net$"):
        prototxt.find("zzzz")


def test_shipped_weights_are_what_the_script_makes(tmp_path: Path) -> None:
    shipped = prototxt.find("vgg-face-tiny").weights
    assert shipped is not None
    assert shipped.stat().st_size < 1_000_000
    made = tmp_path / "made.caffemodel"
    subprocess.run([sys.executable, "-m", "prototxt.make_tiny", str(made)], check=True, timeout=60)
    assert made.read_bytes() == shipped.read_bytes()


def test_weights_fit_the_tiny_network() -> None:
    text = prototxt.find("vgg-face-tiny").prototxt.read_text()
    learned = [(f["name"][0], int(f["num_output"][0])) for f in layers(text) if "num_output" in f]
    assert [(name, shape[0]) for name, _, shape in make_tiny.layer_shapes()] == learned
    assert sum(math.prod(shape) + shape[0] for _, _, shape in make_tiny.layer_shapes()) == PARAMETERS["vgg-face-tiny"]


def test_registry_imports_nothing_heavy() -> None:
    code = "import sys, prototxt; print(sorted({'numpy', 'converters'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
