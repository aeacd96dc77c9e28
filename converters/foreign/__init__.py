"""Models in ONNX and Keras that others wrote: what they take and give."""
