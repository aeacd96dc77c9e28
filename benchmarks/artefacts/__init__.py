"""A network as each runtime reads it, made once for each model by converters and kept in a work folder."""

# Kind -> the roles of its files. Runners name the kind they need, Task.files holds the paths by role.
KINDS = {
    "onnx": ("model",),
    "onnx-fp16": ("model",),
    "onnx-int8": ("model",),
    "torch": ("folder",),
    "keras": ("model",),
    "caffe": ("network", "weights"),
    "source": ("network", "weights"),
}
