"""Pictures of an evaluation, drawn with matplotlib without its global state."""
