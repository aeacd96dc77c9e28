"""Named suites: what `bench run --suite` measures."""
