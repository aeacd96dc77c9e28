"""Estimates with intervals, ratios, ranks, tests: from raw samples to the rows of a table."""
