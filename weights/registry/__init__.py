"""What is known of published models: `models.toml` beside this package, read and checked."""
