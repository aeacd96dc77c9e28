"""Inception-ResNet-v1 has the parameters, names and arithmetic of the published network."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from heads.backbones import open_backbone
from heads.backbones.inception_resnet_v1 import InceptionResnetV1, from_state
from heads.errors import HeadsError


@pytest.fixture(scope="module")
def model() -> InceptionResnetV1:
    torch.manual_seed(0)
    made = InceptionResnetV1(7)
    made.eval()
    return made


@pytest.fixture(scope="module")
def weights(model: InceptionResnetV1, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "faces.pt"
    torch.save(model.state_dict(), path)
    return path


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (160, 160, 3), np.uint8)) for _ in range(count)]


def test_the_number_of_parameters_is_the_published_one() -> None:
    with torch.device("meta"):
        embedding, vggface2 = InceptionResnetV1(), InceptionResnetV1(8631)
    assert sum(p.numel() for p in embedding.parameters()) == 23_482_624
    assert sum(p.numel() for p in vggface2.parameters()) == 23_482_624 + 8631 * 513


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("conv2d_1a.conv.weight", (32, 3, 3, 3)),
        ("conv2d_4b.bn.running_var", (256,)),
        ("repeat_1.4.branch2.2.conv.weight", (32, 32, 3, 3)),
        ("repeat_1.0.conv2d.bias", (256,)),
        ("mixed_6a.branch0.conv.weight", (384, 256, 3, 3)),
        ("mixed_6a.branch1.2.bn.num_batches_tracked", ()),
        ("repeat_2.9.branch1.1.conv.weight", (128, 128, 1, 7)),
        ("repeat_2.0.branch0.conv.weight", (128, 896, 1, 1)),
        ("mixed_7a.branch2.1.conv.weight", (256, 256, 3, 3)),
        ("repeat_3.4.branch1.2.conv.weight", (192, 192, 3, 1)),
        ("block8.conv2d.weight", (1792, 384, 1, 1)),
        ("last_linear.weight", (512, 1792)),
        ("last_bn.running_mean", (512,)),
        ("logits.bias", (7,)),
    ],
)
def test_names_and_shapes_are_those_of_the_published_weights(
    model: InceptionResnetV1, name: str, shape: tuple[int, ...]
) -> None:
    assert tuple(model.state_dict()[name].shape) == shape


def test_sizes_on_the_way_are_the_published_ones() -> None:
    sizes = {}
    with torch.device("meta"):
        empty, image = InceptionResnetV1().eval(), torch.zeros(1, 3, 160, 160)
    for name in ("conv2d_2b", "conv2d_4b", "repeat_1", "mixed_6a", "mixed_7a", "block8"):
        empty.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, result, name=name: sizes.update({name: tuple(result.shape[1:])})
        )
    assert tuple(empty(image).shape) == (1, 512)
    assert sizes == {
        "conv2d_2b": (64, 77, 77), "conv2d_4b": (256, 17, 17), "repeat_1": (256, 17, 17), "mixed_6a": (896, 8, 8),
        "mixed_7a": (1792, 3, 3), "block8": (1792, 3, 3),
    }  # fmt: skip


def test_blocks_add_a_scaled_residual(model: InceptionResnetV1) -> None:
    x = torch.rand(2, 1792, 3, 3)
    for block, scale, rectified in ((model.repeat_3[0], 0.2, True), (model.block8, 1.0, False)):
        branches = torch.cat([block.branch0(x), block.branch1(x)], 1)
        wanted = x + scale * torch.nn.functional.conv2d(branches, block.conv2d.weight, block.conv2d.bias)
        with torch.inference_mode():
            found = block(x)
        assert torch.equal(found, wanted.relu() if rectified else wanted)
    assert [block.scale for part in (model.repeat_1, model.repeat_2) for block in part] == [0.17] * 5 + [0.1] * 10
    assert (model.last_bn.eps, model.conv2d_1a.bn.eps) == (0.001, 0.001)


def test_it_embeds_images_with_its_own_preprocessing(model: InceptionResnetV1, weights: Path) -> None:
    backbone = open_backbone(["inception-resnet-v1", str(weights)])
    assert backbone.input_shape == (3, 160, 160)
    assert backbone.dimension == 512
    image = pictures(1)[0]
    prepared = backbone.prepare(image)
    assert (prepared == ((np.asarray(image, np.float32) - 127.5) / 128).transpose(2, 0, 1)).all()
    found = backbone.run(prepared[None])
    with torch.inference_mode():
        wanted = model(torch.from_numpy(prepared[None])).numpy()
    assert np.allclose(found, wanted, atol=1e-6)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    spec = backbone.spec()
    assert (spec.model, spec.nodes, spec.normalized) == ("inception-resnet-v1 faces.pt", ("embedding",), False)


def test_logits_are_there_where_the_weights_have_them(model: InceptionResnetV1, weights: Path, tmp_path: Path) -> None:
    backbone = open_backbone(["inception-resnet-v1", str(weights)], ["logits"])
    prepared = backbone.prepare(pictures(1)[0])[None]
    assert model.logits is not None
    with torch.inference_mode():
        wanted = model.logits(model.features(torch.from_numpy(prepared))).numpy()
    assert np.allclose(backbone.run(prepared), wanted, atol=1e-5)
    bare = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("logits")}
    save_file(bare, tmp_path / "bare.safetensors")
    without = open_backbone(["inception-resnet-v1", str(tmp_path / "bare.safetensors")])
    assert without.nodes == ("embedding",)
    with pytest.raises(HeadsError, match="there is no output 'logits'"):
        open_backbone(["inception-resnet-v1", str(tmp_path / "bare.safetensors")], ["logits"])


def test_counts_of_batches_may_be_missing(model: InceptionResnetV1) -> None:
    state = {name: tensor for name, tensor in model.state_dict().items() if "tracked" not in name}
    x = torch.zeros(1, 3, 80, 80)
    with torch.inference_mode():
        assert torch.equal(from_state(state)(x), model(x))


def test_other_weights_are_refused_with_what_differs(model: InceptionResnetV1, tmp_path: Path) -> None:
    state = {**model.state_dict(), "extra.weight": torch.zeros(1), "last_linear.weight": torch.zeros(128, 1792)}
    del state["conv2d_1a.conv.weight"]
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(HeadsError) as caught:
        open_backbone(["inception-resnet-v1", str(tmp_path / "other.pt")])
    for line in ("'conv2d_1a.conv.weight' is missing", "'extra.weight' is no part of the network",
                 "'last_linear.weight' has shape [128, 1792], expected [512, 1792]"):  # fmt: skip
        assert line in str(caught.value)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("unpickled",)


def test_nothing_but_tensors_is_ever_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(HeadsError, match="evil.pt: no weights can be read from it: UnpicklingError"):
        open_backbone(["inception-resnet-v1", str(tmp_path / "evil.pt")])
    assert "unpickled" not in capsys.readouterr().out
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(HeadsError, match="holds a list, expected a state_dict: tensors by name"):
        open_backbone(["inception-resnet-v1", str(tmp_path / "list.pt")])
