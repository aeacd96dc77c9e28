"""Exported PyTorch programs (.pt2) as backbones; they tell their outputs alone."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from converters.description import from_text, preprocessing_read
from converters.errors import FormatError
from converters.torch_model.execution import METADATA_FILE
from heads.backbones.artefact import Array, Artefact, Engine, Hardware, image_shape
from heads.backbones.torch_artefacts import engine
from heads.backbones.torch_device import device
from heads.errors import HeadsError


def found(path: Path, hardware: Hardware) -> Artefact:
    """Return what an exported program is as a backbone; FormatError or HeadsError where it is none."""
    place = device(hardware)
    program, told = _read(path)
    if place.type != "cpu":
        program = torch.export.passes.move_to_device_pass(program, place)
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        raise HeadsError(f"a backbone has one input, the image; this program has {len(names)}")
    example = next(node.meta["val"] for node in program.graph.nodes if node.name == names[0])
    sizes = [size if isinstance(size, int) else None for size in example.shape]
    image, last = image_shape(sizes, str(names[0]))
    if last:
        raise HeadsError(f"the program takes {sizes}, expected [batch, 1 or 3, height, width]")
    outputs = _output_names(program)
    return Artefact(
        files=(path,),
        image=image,
        input_dtype="uint8" if example.dtype == torch.uint8 else "float32",
        nodes=outputs,
        outputs=outputs,
        load=partial(_loaded, program, outputs, sizes[0], example.dtype),
        preprocessing=preprocessing_read(told, partial(_tensor, program)),
        licence=str(told.get("licence", "")),
        only_outputs="an exported program tells its outputs alone",
    )


def _read(path: Path) -> tuple[Any, dict[str, Any]]:
    extra = {METADATA_FILE: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
        return program, from_text(json.loads(extra[METADATA_FILE] or "{}"))
    except Exception as error:
        # What is wrong with a file is told by errors of zipfile, pickle, json and PyTorch itself.
        reason = str(error).strip().partition("\n")[0]
        raise FormatError(f"{path}: PyTorch cannot load it: {type(error).__name__}: {reason}") from error


def _output_names(program: Any) -> tuple[str, ...]:
    spec = program.call_spec.out_spec
    if spec.type is dict:
        return tuple(map(str, spec.context))
    count = len(program.graph_signature.user_outputs)
    return ("output",) if count == 1 else tuple(f"output{number}" for number in range(count))


def _tensor(program: Any, name: str) -> Array:
    if name not in program.state_dict:
        raise ValueError(f"the program has no tensor '{name}'")
    found: Array = program.state_dict[name].detach().cpu().numpy()
    return found


def _loaded(
    program: Any, outputs: tuple[str, ...], batch: int | None, kind: torch.dtype, nodes: Sequence[str]
) -> Engine:
    model = program.module()

    def forward(images: torch.Tensor) -> Mapping[str, torch.Tensor]:
        result = model(images)
        if isinstance(result, Mapping):
            return {str(name): value for name, value in result.items()}
        values = [result] if isinstance(result, torch.Tensor) else list(result)
        return dict(zip(outputs, values, strict=True))

    return engine(forward, nodes, dict(program.state_dict), batch=batch, kind=kind)
