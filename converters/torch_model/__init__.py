"""What `converters.to_torch` is made of: layers as source code, the text of a module, its weights, and running it."""
