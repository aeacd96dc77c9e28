"""What a trained head is: its arrays and facts on disk, its meaning as a graph, and what it says of embeddings."""
