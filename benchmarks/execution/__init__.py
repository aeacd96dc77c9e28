"""The parent: plans cells, starts a fresh process for each, and outlives whatever happens to it."""
