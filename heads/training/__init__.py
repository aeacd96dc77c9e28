"""Training: many heads in one pass over the embeddings, the choice among them, and how logits become decisions."""
