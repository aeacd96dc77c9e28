"""How many bytes are taken from a server or out of an archive, so that neither can fill the disk."""

# For what has no published size: well above the largest published model, 1.1 GB.
UNKNOWN_LIMIT_BYTES = 2**32
SLACK_FRACTION, SLACK_BYTES = 0.01, 2**16


def limit_bytes(published: int | None) -> int:
    """Return how many bytes are taken at most: the published size with some slack, or a fixed bound.

    The slack serves files whose hash is known: that decides, and a size may have been published for another edition.
    """
    if published is None:
        return UNKNOWN_LIMIT_BYTES
    return published + max(int(published * SLACK_FRACTION), SLACK_BYTES)


def size_problem(found: int, published: int | None, *, hash_known: bool) -> str:
    """Return what is wrong with the size of a file that is complete, or announced; "" where nothing is."""
    if published is None:
        if found <= UNKNOWN_LIMIT_BYTES:
            return ""
        return f"has {found:,} bytes, at most {UNKNOWN_LIMIT_BYTES:,} are taken where no size is known"
    if found > limit_bytes(published) or (found != published and not hash_known):
        return f"has {found:,} bytes, {published:,} are expected"
    return ""
