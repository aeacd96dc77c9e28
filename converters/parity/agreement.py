"""Whether two networks, read from two sources, are one."""

from dataclasses import dataclass

from converters.ir import Graph


@dataclass(frozen=True)
class Agreement:
    """Whether two networks are one, with or without swapped input channels, and what was found layer by layer."""

    same: bool
    channels_swapped: bool
    difference: float
    lines: tuple[str, ...]


def same_network(first: Graph, second: Graph, *, seed: int = 0, tolerance: float = 1e-5) -> Agreement:
    """Compare two networks: weights in order, then what they compute from one image."""
    raise NotImplementedError
