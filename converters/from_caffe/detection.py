"""SSD's PriorBox and DetectionOutput."""

from converters.caffe.tree import Message
from converters.errors import ShapeError, UnsupportedError
from converters.from_caffe.layer import LayerFunction, LayerReading, Made
from converters.ops import DetectionOutput, PriorBox
from converters.ops.detection import CodeType

CODE_TYPES: dict[str, CodeType] = {"CORNER": "corner", "CENTER_SIZE": "center_size", "CORNER_SIZE": "corner_size"}


def prior_box(layer: LayerReading) -> list[Made]:
    """Default boxes of a feature map."""
    settings = layer.settings("prior_box_param")
    layer.expect_bottoms(2)
    for name in ("offset_h", "offset_w", "width", "height"):
        if settings.has(name):
            raise UnsupportedError(f"{name} belongs to a fork of SSD and is not supported")
    least, most = tuple(settings.all("min_size")), tuple(settings.all("max_size"))
    if not least or min(least) <= 0:
        raise ShapeError("min_size must be given and positive")
    if most and (len(most) != len(least) or any(b <= a for a, b in zip(least, most, strict=True))):
        raise ShapeError(f"max_size {list(most)} must be one for each min_size {list(least)} and larger than it")
    variances = tuple(settings.all("variance")) or (0.1,)
    op = PriorBox(
        least,
        most,
        _ratios(settings),
        settings.get("clip"),
        variances,
        settings.get("offset"),
        _steps(settings),
        _image_size(settings),
    )
    return [Made(op, layer.bottoms)]


def _ratios(settings: Message) -> tuple[float, ...]:
    ratios = [1.0]
    for ratio in settings.all("aspect_ratio"):
        if ratio <= 0:
            raise ShapeError(f"aspect_ratio {ratio:g} must be positive")
        if all(abs(ratio - known) >= 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if settings.get("flip") else [ratio]
    return tuple(ratio for ratio in ratios[1:] if abs(ratio - 1) >= 1e-6)


def _steps(settings: Message) -> tuple[float, float] | None:
    return _both(settings, "step_h", "step_w", "step")


def _image_size(settings: Message) -> tuple[int, int] | None:
    size = _both(settings, "img_h", "img_w", "img_size")
    return None if size is None else (int(size[0]), int(size[1]))


def _both(settings: Message, height: str, width: str, single: str) -> tuple[float, float] | None:
    """Return a pair from two settings or from one; None, which leaves it to the inputs, when either is 0 or missing."""
    if settings.has(height) or settings.has(width):
        pair = (settings.get(height), settings.get(width))
    else:
        pair = (settings.get(single),) * 2
    return pair if all(pair) else None


def detection_output(layer: LayerReading) -> list[Made]:
    """Boxes that are left after suppression."""
    settings = layer.settings("detection_output_param")
    layer.expect_bottoms(3)
    if not settings.get("normalized_bbox"):
        raise UnsupportedError("normalized_bbox: false belongs to a fork of SSD and is not supported")
    nms, classes = settings.message("nms_param"), settings.get("num_classes") or 0
    if classes < 1:
        raise ShapeError("num_classes must be given and positive")
    op = DetectionOutput(
        classes=classes,
        share_location=settings.get("share_location"),
        background=settings.get("background_label_id"),
        nms_threshold=nms.get("nms_threshold"),
        top_k=nms.get("top_k") if nms.has("top_k") else -1,
        keep_top_k=settings.get("keep_top_k"),
        confidence_threshold=settings.get("confidence_threshold"),
        code_type=CODE_TYPES[settings.get("code_type")],
        variance_in_target=settings.get("variance_encoded_in_target"),
        eta=nms.get("eta"),
    )
    return [Made(op, layer.bottoms)]


LAYERS: dict[str, LayerFunction] = {"PriorBox": prior_box, "DetectionOutput": detection_output}
