"""A network as each runtime reads it, made once for each model by converters and kept in a work folder.

`python -m benchmarks.artefacts REQUEST.json ANSWER.json` makes what a `Request` asks for and writes an `Answer`;
whoever starts it imports no framework. With `--plan` before them it tells, without converting, what that would take.
"""

# Kind -> the roles of its files. Runners name the kind they need, Task.files holds the paths by role. A network of
# MatConvNet is one file: its "source" has no "weights".
KINDS = {
    "onnx": ("model",),
    "onnx-fp16": ("model",),
    "onnx-int8": ("model",),
    "torch": ("folder",),
    "keras": ("model",),
    "caffe": ("network", "weights"),
    "source": ("network", "weights"),
}
