"""Convert a PyTorch module with torch.onnx.export.

python -m benchmarks.studies.conversion_by_torch FOLDER PROBE.npz OUT.onnx dynamo|torchscript
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch


def main() -> None:
    """Load the generated module with its weights, export."""
    folder, probe, out, exporter = sys.argv[1:]
    (source,) = Path(folder).glob("*.py")
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    image = torch.from_numpy(np.load(probe)["input"])
    if exporter == "dynamo":
        torch.onnx.export(module.load(), (image,), out, dynamo=True, external_data=False)
    else:
        torch.onnx.export(module.load(), (image,), out, dynamo=False)


if __name__ == "__main__":
    main()
