"""Recurrent ops and detection, as source code."""

from typing import Any

from converters import ops
from converters.ops.base import size_of
from converters.torch_model.layer import Layer, Site, call, given


def lstm(op: ops.LSTM, site: Site) -> Layer:
    """Write a ResettableLSTM layer, which gives hidden and cell states."""
    return _recurrent("ResettableLSTM", op, site, ("hidden", "cell").index(op.returns))


def rnn(op: ops.RNN, site: Site) -> Layer:
    """Write a ResettableRNN layer, which gives outputs and hidden states."""
    return _recurrent("ResettableRNN", op, site, ("output", "hidden").index(op.returns))


def _recurrent(kind: str, op: ops.LSTM | ops.RNN, site: Site, part: int) -> Layer:
    inputs = ["{0}", "{1}"]
    if op.static:
        inputs.append("{2}")
    if op.initial:
        states = [f"{{{i}}}" for i in range(2 + op.static, len(site.shapes))]
        inputs.append(f"state={states[0]}" if len(states) == 1 else f"state=({', '.join(states)})")
    static = {"static_features": size_of(site.shapes[2][1:])} if op.static else {}
    module = call(kind, size_of(site.shapes[0][2:]), op.units, **static)
    return Layer(f"{{layer}}({', '.join(inputs)})", module, site.params, part)


def prior_box(op: ops.PriorBox, _site: Site) -> Layer:
    """Write a PriorBox layer."""
    settings = given(
        max_sizes=(op.max_sizes, ()),
        aspect_ratios=(op.aspect_ratios, ()),
        variances=(op.variances, (0.1,)),
        clip=(op.clip, False),
        offset=(op.offset, 0.5),
        steps=(op.steps, None),
        image_size=(op.image_size, None),
    )
    return Layer("{layer}({0}, {1})", call("PriorBox", op.min_sizes, **settings))


def detection_output(op: ops.DetectionOutput, _site: Site) -> Layer:
    """Write a DetectionOutput layer."""
    settings: dict[str, Any] = given(
        share_location=(op.share_location, True),
        background=(op.background, 0),
        nms_threshold=(op.nms_threshold, 0.3),
        top_k=(op.top_k, -1),
        keep_top_k=(op.keep_top_k, -1),
        confidence_threshold=(op.confidence_threshold, None),
        code_type=(op.code_type, "corner"),
        variance_in_target=(op.variance_in_target, False),
        eta=(op.eta, 1.0),
    )
    return Layer("{layer}({0}, {1}, {2})", call("DetectionOutput", op.classes, **settings))
