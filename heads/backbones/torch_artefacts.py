"""PyTorch modules as backbones: those the converters wrote, whose every value has a name, and those of others."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from converters.torch_model.probe import Probe
from heads.backbones.artefact import OTHERS, Array, Artefact, Engine, Hardware
from heads.backbones.torch_device import device, inference, weights_type
from heads.backbones.torch_modules import Written, read_module
from heads.errors import HeadsError

Forward = Callable[[torch.Tensor], Mapping[str, torch.Tensor]]


class _EnoughError(Exception):
    """All values that were asked for are there: the rest of the network need not run."""


def found(path: Path, hardware: Hardware) -> Artefact:
    """Return what a module is as a backbone; its code is executed. FormatError or HeadsError where it is none."""
    written = read_module(path, device(hardware))
    if len(written.inputs) > 1:
        raise HeadsError(
            f"a backbone has one input, the image; this model has {len(written.inputs)}: {', '.join(written.inputs)}"
        )
    inner = _value_names(written) if written.ours else []
    return Artefact(
        files=written.files,
        image=(written.image[1], None, None),
        input_dtype=written.input_dtype,
        nodes=tuple(dict.fromkeys([*inner, *written.outputs])),
        outputs=written.outputs,
        load=partial(_loaded, written),
        preprocessing=written.preprocessing,
        licence=written.licence,
        only_outputs="" if written.ours else OTHERS,
    )


def _value_names(written: Written) -> list[str]:
    """Name the values of a module of ours, by running its network on shapes alone."""
    names: list[str] = []

    def note(name: str | None, value: Any) -> Any:
        if name is not None:
            names.append(name)
        return value

    with inference(), torch.device("meta"):
        empty = type(written.model)().eval()
        kind = torch.uint8 if written.input_dtype == "uint8" else torch.float32
        image = torch.zeros([size or 1 for size in written.image], dtype=kind)
        _forward(written, note)(empty, image)
    return list(dict.fromkeys(names))


def _forward(written: Written, note: Callable[[str | None, Any], Any]) -> Callable[..., Any]:
    return Probe(written.source).compiled(str(written.files[0]), vars(written.module), note)


def _loaded(written: Written, nodes: Sequence[str]) -> Engine:
    forward = _with_values(written, nodes) if written.ours else _with_output(written)
    state = {**dict(written.model.named_parameters()), **dict(written.model.named_buffers())}
    kind = getattr(written.module, "DTYPE", None)
    return engine(forward, nodes, state, batch=written.image[0], kind=kind)


def _with_values(written: Written, nodes: Sequence[str]) -> Forward:
    """Return what gives these values, and stops once it has them."""
    values: dict[str, torch.Tensor] = {}

    def note(name: str | None, value: Any) -> Any:
        if name in nodes:
            values[str(name)] = value
            if len(values) == len(nodes):
                raise _EnoughError
        return value

    noted = _forward(written, note)

    def forward(batch: torch.Tensor) -> Mapping[str, torch.Tensor]:
        values.clear()
        try:
            result = noted(written.model, batch)
        except _EnoughError:
            return dict(values)
        return {**values, **_outputs(result, written.outputs)}

    return forward


def _with_output(written: Written) -> Forward:
    return lambda batch: _outputs(written.model(batch), written.outputs)


def _outputs(result: Any, names: Sequence[str]) -> Mapping[str, torch.Tensor]:
    """Return what a network gave under the names of its outputs."""
    if isinstance(result, torch.Tensor) and len(names) == 1:
        return {names[0]: result}
    if isinstance(result, Mapping) and set(names) <= set(result):
        return result
    raise HeadsError(f"the network gives a {type(result).__name__}, expected a tensor for {', '.join(names)}")


def engine(
    forward: Forward,
    nodes: Sequence[str],
    state: Mapping[str, torch.Tensor],
    *,
    batch: int | None,
    kind: torch.dtype | None = None,
) -> Engine:
    """Return what runs a network whose tensors are `state`; maps are averaged where they are computed, in float32.

    Images become `kind`, by default the type of most weights; those of uint8 stay that.
    """
    dtype = weights_type(dict(state))
    wanted = kind or getattr(torch, dtype)

    def place() -> torch.device:
        return next(iter(state.values())).device if state else torch.device("cpu")

    def compute(images: Array) -> list[Array]:
        given = torch.from_numpy(np.ascontiguousarray(images)).to(place())
        with inference():
            values = forward(given if images.dtype == np.uint8 else given.to(wanted))
            return [_averaged(values[node]).cpu().numpy() for node in nodes]

    return Engine(compute, lambda: str(place()), dtype, batch)


def _averaged(value: torch.Tensor) -> torch.Tensor:
    value = value.float()
    return value.mean(dim=(2, 3)) if value.ndim == 4 else value
