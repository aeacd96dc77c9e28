"""What came out: the schema of results, and the folder that holds them."""
