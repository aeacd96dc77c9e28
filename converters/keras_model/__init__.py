"""What `converters.to_keras` is made of: ops as Keras layers, files, and running them."""
