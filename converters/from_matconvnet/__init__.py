"""MatConvNet layers -> nodes: one module per op family, each with its table `LAYERS` at the foot.

`reading.py` opens a file, `simplenn.py` walks over a chain of layers, `dagnn.py` over a graph of blocks. A block's type
begins with "dagnn.".
"""

from converters.from_matconvnet.reading import read_matconvnet
from converters.from_matconvnet.walk import LAYERS

__all__ = ["LAYERS", "read_matconvnet"]
