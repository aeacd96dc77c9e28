"""What `converters.to_onnx` is made of: ops as ONNX operators, one module a family; writing files and running them."""
