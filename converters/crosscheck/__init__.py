"""Two releases of one network, such as Caffe's and MatConvNet's: whether they are the same, and how they differ.

    pairing.py      which node of one is which node of the other
    layers.py       learned values, with the rearrangements that releases differ by
    channels.py     which of the two takes RGB and which BGR
    statements.py   what they say about images and classes
    values.py       what both compute from one image
    comparing.py    all of it, as one result (result.py)

Everything here takes Graphs; what a person names is read in `conversion/crosschecking.py`.
"""

from converters.crosscheck.channels import Channels, channel_orders, takes_colours
from converters.crosscheck.comparing import crosscheck
from converters.crosscheck.result import Crosscheck

__all__ = ["Channels", "Crosscheck", "channel_orders", "crosscheck", "takes_colours"]
