"""Convert Caffe cases with caffe2onnx, an independent converter, for the tests to compare with.

    python tests/oracle_caffe2onnx.py OUT_DIR

Runs in an environment of its own (tox -e caffe2onnx), since its pins clash with everything else. Writes
OUT_DIR/<case>.onnx for every case in `oracle_cases.py` and fails on the first that does not convert.
"""

import contextlib
import io
import sys
from pathlib import Path

import onnx
from caffe2onnx.src.caffe2onnx import Caffe2Onnx
from caffe2onnx.src.load_save_model import loadcaffemodel
from caffe2onnx.src.utils import freeze

from cases import CaffeCase, caffe_case
from oracle_cases import CAFFE2ONNX_CASES


def convert(case: CaffeCase, target: Path) -> None:
    """Convert one network; caffe2onnx calls exit() where it cannot."""
    graph, params = loadcaffemodel(str(case.prototxt), str(case.weights))
    model = Caffe2Onnx(graph, params, case.name).createOnnxModel()
    freeze(model)  # otherwise the weights are inputs of the graph
    del model.opset_import[:]
    model.opset_import.add(version=11)  # it writes attributes of old operators under the newest opset
    model.ir_version = 6
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def main() -> None:
    """Convert all, keeping caffe2onnx's chatter for the case that fails."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in CAFFE2ONNX_CASES:
        chatter = io.StringIO()
        try:
            with contextlib.redirect_stdout(chatter):
                convert(caffe_case(name), out / f"{name}.onnx")
        except (Exception, SystemExit) as error:  # noqa: BLE001  anything at all may come out of it
            sys.exit(f"caffe2onnx did not convert {name}: {error!r}\n{chatter.getvalue()}")
    print(f"caffe2onnx converted {len(CAFFE2ONNX_CASES)} networks")


if __name__ == "__main__":
    main()
