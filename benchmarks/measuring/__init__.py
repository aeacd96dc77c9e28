"""One cell: the process that measures it, its warm-up, its checks and its scenarios."""
