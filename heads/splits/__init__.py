"""Dividing the faces of a table into train, val and test so that nothing is in two of them."""

from heads.splits.options import SplitOptions
from heads.splits.splitting import Split, hold_out, split

__all__ = ["Split", "SplitOptions", "hold_out", "split"]
