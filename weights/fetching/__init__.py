"""From the addresses of a model to its checked files."""
