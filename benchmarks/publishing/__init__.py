"""Results that are published: where they lie in the project, and the documents that show them."""
