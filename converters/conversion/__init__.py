"""One conversion from end to end: what is read, prepared, written, proved and put in its place; and holding existing
models against each other.
"""
