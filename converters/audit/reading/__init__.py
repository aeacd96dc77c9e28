"""Files of trained arrays, one module per format, as `Tensor`s: names and shapes at once, values when asked for."""
