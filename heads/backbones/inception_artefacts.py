"""Inception-ResNet-v1 with a person's weights as a backbone: `inception-resnet-v1 WEIGHTS.pt`."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from converters.errors import FormatError
from converters.files.model_files import check_regular
from converters.ir import Preprocessing
from heads.backbones.artefact import Artefact, Engine, Hardware
from heads.backbones.inception_resnet_v1 import IMAGE_SIZE, InceptionResnetV1, from_state, unit_length
from heads.backbones.torch_artefacts import engine
from heads.backbones.torch_device import device
from heads.errors import HeadsError

FIXED = Preprocessing("RGB", np.full(3, 127.5, np.float32), (1 / 128,) * 3, IMAGE_SIZE)
EMBEDDING, LOGITS = "embedding", "logits"


def found(words: Sequence[str], hardware: Hardware) -> Artefact:
    """Return the network with its weights as a backbone; FormatError or HeadsError where they do not fit."""
    if len(words) != 2:
        raise HeadsError(
            f"{words[0]} comes without weights; name one file of them after it, the state_dict that facenet-pytorch "
            "publishes for VGGFace2 or CASIA-WebFace (.pt), or the same as .safetensors"
        )
    path = Path(words[1])
    check_regular(path)
    place = device(hardware)
    try:
        model = from_state(read_state(path)).to(place)
    except ValueError as error:
        raise HeadsError(f"{path}: these are not the weights of Inception-ResNet-v1: {error}") from error
    nodes = (EMBEDDING, *((LOGITS,) if model.logits is not None else ()))
    return Artefact(
        files=(path,),
        image=(3, None, None),
        input_dtype="float32",
        nodes=nodes,
        outputs=(EMBEDDING,),
        load=partial(_loaded, model),
        preprocessing=FIXED,
        only_outputs="the network has these values",
    )


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a state_dict by name; FormatError for a file that holds none."""
    try:
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:
        # Damaged files raise errors of zipfile, pickle, safetensors and PyTorch itself.
        reason = str(error).strip().partition("\n")[0]
        raise FormatError(f"{path}: no weights can be read from it: {type(error).__name__}: {reason}") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise FormatError(f"{path}: holds a {type(state).__name__}, expected a state_dict: tensors by name")
    return state


def _loaded(model: InceptionResnetV1, nodes: Sequence[str]) -> Engine:
    def forward(batch: torch.Tensor) -> Mapping[str, torch.Tensor]:
        features = model.features(batch)
        values = {EMBEDDING: unit_length(features)}
        return {**values, LOGITS: model.logits(features)} if LOGITS in nodes and model.logits is not None else values

    state: dict[str, Any] = dict(model.state_dict())
    return engine(forward, nodes, state, batch=None)
