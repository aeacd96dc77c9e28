"""Which value a blob name means at each point of a network, as Caffe's Net wires them (BVLC Caffe, net.cpp,
insert_splits.cpp).

A blob that an in-place layer overwrites becomes a new value; layers after it read the new one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from converters.caffe.net import Layer
from converters.errors import ShapeError, UnsupportedError

# Types whose code may read and write the same memory. Elsewhere the original computes garbage or stops.
INPLACE_TYPES = frozenset(
    {
        "AbsVal",
        "BatchNorm",
        "BN",
        "BNLL",
        "Bias",
        "Clip",
        "Dropout",
        "ELU",
        "Eltwise",
        "Exp",
        "LRN",
        "Log",
        "MVN",
        "Normalize",
        "PReLU",
        "Power",
        "ReLU",
        "ReLU6",
        "Scale",
        "Sigmoid",
        "Softmax",
        "Swish",
        "TanH",
        "Threshold",
    }
)
# Types whose top is the bottom's memory under another name or shape (Blob::ShareData).
SHARING_TYPES = frozenset({"Split", "Flatten", "Reshape"})


def _shares_memory(layer: Layer) -> bool:
    return layer.type in SHARING_TYPES or (
        # With nothing to join or to cut, these two do not copy either.
        (layer.type == "Concat" and len(layer.bottoms) == 1) or (layer.type == "Slice" and len(layer.tops) == 1)
    )


@dataclass
class _Memory:
    """A piece of memory that several values may show; `writes` counts the in-place layers that changed it."""

    writes: int = 0


@dataclass
class Wiring:
    """The blob table while a network is walked; `reserved` are all blob names of the network."""

    reserved: frozenset[str]
    values: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _readers: dict[str, str] = field(default_factory=dict)
    _memory: dict[str, tuple[_Memory, int]] = field(default_factory=dict)
    _writer: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, layers: Iterable[Layer]) -> "Wiring":
        """Return an empty table for these layers."""
        return cls(frozenset(blob for layer in layers for blob in (*layer.bottoms, *layer.tops)))

    def read(self, layer: Layer) -> list[str]:
        """Return the values of a layer's bottoms; ShapeError for a blob that nothing before it writes."""
        values = []
        for index, blob in enumerate(layer.bottoms):
            if blob not in self.values:
                raise ShapeError(f"reads the blob '{blob}', which no layer before it writes (bottom {index})")
            value = self.values[blob]
            self.check_fresh(blob)
            self._check_overwrites(layer, index, value)
            values.append(value)
        for value in values:
            self._readers[value] = layer.name
        return values

    def check_fresh(self, blob: str) -> None:
        """Refuse a blob whose memory an in-place layer changed through another blob."""
        memory, writes = self._memory[self.values[blob]]
        if memory.writes != writes:
            raise UnsupportedError(
                f"the blob '{blob}' shares its memory with one that an in-place layer has overwritten, so Caffe "
                "would read the overwritten values; "
                "give the in-place layer a top of its own if that is not meant"
            )

    def _check_overwrites(self, layer: Layer, index: int, value: str) -> None:
        blob = layer.bottoms[index]
        if blob not in layer.tops:
            return
        if layer.tops.index(blob) != index or layer.bottoms.count(blob) > 1 or value in self._readers:
            other = self._readers.get(value, layer.name)
            raise ShapeError(
                f"writes the blob '{blob}' in place, but layer '{other}' reads its old value as well "
                "(in Caffe: produced by multiple sources)"
            )
        if layer.type not in INPLACE_TYPES:
            raise ShapeError(f"writes its bottom '{blob}' in place, which {layer.type} cannot")

    def write(self, layer: Layer, index: int) -> str:
        """Return the name of the value for a new top, and let the blob mean it from here on;

        ShapeError if another layer writes the blob.
        """
        blob = layer.tops[index]
        inplace = index < len(layer.bottoms) and layer.bottoms[index] == blob
        if not inplace and blob in self._writer:
            raise ShapeError(
                f"writes the blob '{blob}', which layer '{self._writer[blob]}' writes already "
                "(in Caffe: produced by multiple sources)"
            )
        value = self._inplace_name(layer, blob) if inplace else blob
        if inplace:
            memory, _ = self._memory[self.values[blob]]
            memory.writes += 1
            self._memory[value] = (memory, memory.writes)
        elif _shares_memory(layer):
            self._memory[value] = self._memory[self.values[layer.bottoms[0]]]
        else:
            self._memory[value] = (_Memory(), 0)
        self._writer[blob] = layer.name
        self.used.add(value)
        self.values[blob] = value
        return value

    def alias(self, layer: Layer, index: int) -> None:
        """Let a top of a Split layer mean the layer's bottom."""
        value = self.values[layer.bottoms[0]]
        name = self.write(layer, index)
        self.used.discard(name)
        self.values[layer.tops[index]] = value

    def _inplace_name(self, layer: Layer, blob: str) -> str:
        if layer.name not in self.reserved and layer.name not in self.used:
            return layer.name
        name, count = f"{blob}/{layer.name}", 1
        while name in self.used:
            count += 1
            name = f"{blob}/{count}/{layer.name}"
        return name

    def unread(self, layers: Sequence[Layer]) -> list[str]:
        """Return the blobs that nobody reads, in the order in which Caffe lists its outputs: by name."""
        open_blobs: set[str] = set()
        for layer in layers:
            open_blobs.difference_update(layer.bottoms)
            open_blobs.update(layer.tops)
        return sorted(blob for blob in open_blobs if blob in self.values)
