"""Caffe layers -> nodes:

one module per op family, each with its table `LAYERS` at the foot; `reading.py` walks over a network.
"""

from converters.from_caffe.reading import LAYERS, WITHOUT_OP, read_caffe

__all__ = ["LAYERS", "WITHOUT_OP", "read_caffe"]
