"""How each op is said in standard ONNX operators, one module per family as in `converters.ops`."""
