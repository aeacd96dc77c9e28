"""Running what was written, and exporting it: the one file here, besides the blocks, that needs PyTorch."""

import json
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from converters.errors import ConversionError, UnsupportedError
from converters.files.patient_file import patient_file
from converters.ir import Feeds, Graph, Runner
from converters.ops import Array
from converters.torch_model.network import Network
from converters.torch_model.probe import Probe

METADATA_FILE = "faceport.json"


def opened_module(path: Path, graph: Graph, wanted: Collection[str] | None) -> Runner:
    """Load a written module with its written weights; return what gives its values, all or those `wanted`, by name."""
    source = path.read_text(encoding="utf-8")
    probe = Probe(source)
    if set(probe.inputs) != set(graph.inputs):
        known, got = (", ".join(names) for names in (graph.inputs, probe.inputs))
        raise ConversionError(f"{path}: the module's inputs are {got}; those of the network are {known}")
    module = executed(source, path)
    model = module.load()
    values: dict[str, Array] = {}

    def note(name: str | None, value: Any) -> Any:
        if name is not None and (wanted is None or name in wanted):
            values[name] = _array(value)
        return value

    forward = probe.compiled(str(path), vars(module), note)

    def run(feeds: Feeds) -> dict[str, Array]:
        values.clear()
        with torch.inference_mode():
            result = forward(model, *_tensors([feeds[name] for name in probe.inputs], _dtype(module, model)))
        return values | _outputs(graph, result)

    return run


def executed(source: str, path: Path) -> ModuleType:
    """Run the source of a module as an import does, but leave no trace: neither in sys.modules nor as a __pycache__."""
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(source, str(path), "exec"), vars(module))  # noqa: S102 - the module just written
    return module


def save_state(path: Path, network: Network) -> None:
    """Write a plain state_dict with torch.save; the same input gives the same bytes whatever the file is called."""
    with patient_file(path) as file:
        torch.save({name: _tensor(array) for name, array in network.stored_state().items()}, file)


def save_program(path: Path, graph: Graph, network: Network, open_axes: Mapping[str, Sequence[int]]) -> None:
    """Write the network as an exported program; `open_axes` says which axes of which inputs may have any size.

    UnsupportedError where torch.export cannot follow it: data-dependent loops, or an axis that something pins.
    """
    model = _built(network)
    examples = {name: _example(graph, name, open_axes.get(name, ())) for name in graph.inputs}
    dynamic = [dict.fromkeys(open_axes.get(name, ()), torch.export.Dim.DYNAMIC) for name in graph.inputs]
    inputs = tuple(_tensors(list(examples.values()), getattr(torch, network.dtype)))
    try:
        program = torch.export.export(model, inputs, dynamic_shapes=(*dynamic,))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        axes = f" with open axes {json.dumps(open_axes)}" if any(open_axes.values()) else ""
        raise UnsupportedError(
            f"torch.export cannot write network '{graph.name}' as a program{axes}: {reason}; leave fewer axes open, or "
            "write a module, which takes every size that the network allows"
        ) from error
    with patient_file(path) as file:
        torch.export.save(program, file, extra_files={METADATA_FILE: json.dumps(network.metadata(), sort_keys=True)})


def _built(network: Network) -> torch.nn.Module:
    """Return a network that lies in no file, ready for inference."""
    module = executed(network.text, Path(f"{network.class_name}.py"))
    with torch.device("meta"):
        model = vars(module)[network.class_name]()
    model.load_state_dict({name: _tensor(array) for name, array in network.stored_state().items()}, assign=True)
    return model.eval()


def _example(graph: Graph, name: str, open_axes: Sequence[int]) -> Array:
    # An axis of size 0 or 1 would be taken for one that is always so.
    shape = [max(size, 2) if axis in open_axes else size for axis, size in enumerate(graph.inputs[name])]
    return np.zeros(shape, graph.input_dtypes.get(name, "float32"))


def opened_program(path: Path, graph: Graph) -> Runner:
    """Load an exported program; return what gives its outputs by the names of their values."""
    program = torch.export.load(path)
    examples, _ = program.example_inputs
    model = program.module()

    def run(feeds: Feeds) -> dict[str, Array]:
        given = [_tensor(feeds[name]).to(example.dtype) for name, example in zip(graph.inputs, examples, strict=True)]
        with torch.inference_mode():
            return _outputs(graph, model(*given))

    return run


def _outputs(graph: Graph, result: Any) -> dict[str, Array]:
    found = result if isinstance(result, Mapping) else {next(iter(graph.outputs)): result}
    return {value: _array(found[outside]) for outside, value in graph.outputs.items()}


def _dtype(module: ModuleType, model: torch.nn.Module) -> torch.dtype:
    """Return the number type of a module: what it says, else that of its weights."""
    stated = vars(module).get("DTYPE")
    weights = (tensor.dtype for tensor in model.state_dict().values() if tensor.is_floating_point())
    return stated or next(weights, torch.float32)


def _tensors(feeds: Sequence[Array], dtype: torch.dtype) -> list[torch.Tensor]:
    tensors = [_tensor(array) for array in feeds]
    return [tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in tensors]


def _tensor(array: Array) -> torch.Tensor:
    """Return a tensor on the memory of an array, which nobody here writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array if array.flags.c_contiguous else array.copy())


def _array(value: torch.Tensor) -> Array:
    array: Array = value.detach().cpu().numpy()
    return array
