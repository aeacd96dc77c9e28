"""Embeddings that are kept: computed once for each image, whatever asks for them and however often it is stopped."""
