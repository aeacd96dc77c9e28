"""Audits against vgg-face-tiny, and what is said of it."""

from pathlib import Path

import numpy as np

from audited_files import Layers, flat
from converters.audit.auditing import audit
from converters.audit.report import Audit
from converters.options import Options

BGR = "feed BGR, subtract 93.59, 104.76, 129.19"
RGB = "feed RGB, subtract 129.19, 104.76, 93.59"
WHOSE = "the weights of vgg-face-tiny"
FLATTENED_LAST = "inputs in the order height, width, channel (fc6)"


def against_tiny(path: Path, *more: str) -> Audit:
    return audit(str(path), ("vgg-face-tiny", *more), Options())


def npz(path: Path, layers: Layers) -> Path:
    np.savez(path, **flat(layers))
    return path


def verdicts(found: Audit) -> dict[str, list[str]]:
    by_verdict: dict[str, list[str]] = {}
    for layer in found.layers:
        by_verdict.setdefault(layer.verdict, []).append(layer.layer)
    return by_verdict


def kinds(found: Audit, layer: str) -> set[str]:
    return {step.kind for each in found.layers if each.layer == layer for step in each.steps}
