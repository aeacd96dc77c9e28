"""Ops that move values about, as source code; sizes that the source leaves open are read from the tensors at hand."""

from converters import ops
from converters.torch_model.layer import Code, Layer, Site, call, code, layered


def concat(op: ops.Concat, site: Site) -> Layer:
    """Write torch.cat."""
    names = ", ".join(f"{{{i}}}" for i in range(len(site.shapes)))
    return Layer(f"torch.cat(({names}{',' if len(site.shapes) == 1 else ''}), {op.axis % site.rank})")


def cut(op: ops.Slice, site: Site) -> Layer:
    """Write a slice."""
    start = str(op.start) if op.start else ""
    stop = "" if op.stop is None else str(op.stop)
    return Layer(_indexed(op.axis % site.rank, [f"{start}:{stop}"]))


def _indexed(axis: int, slices: list[str]) -> str:
    return f"{{0}}[{', '.join([':'] * axis + slices)}]"


def flatten(op: ops.Flatten, site: Site) -> Layer:
    """Write flatten."""
    start, end = op.axis % site.rank, op.end_axis % site.rank
    return Layer(f"{{0}}.flatten({start})" if end == site.rank - 1 else f"{{0}}.flatten({start}, {end})")


def reshape(op: ops.Reshape, site: Site) -> Layer:
    """Write reshape; copied axes are read from the tensor."""
    start = op.axis if op.axis >= 0 else site.rank + op.axis + 1
    end = site.rank if op.num_axes == -1 else start + op.num_axes
    kept = [f"{{0}}.size({axis})" for axis in range(site.rank)]
    middle = [kept[start + i] if size == 0 else str(size) for i, size in enumerate(op.dims)]
    return Layer(f"{{0}}.reshape({', '.join([*kept[:start], *middle, *kept[end:]])})")


def permute(op: ops.Permute, _site: Site) -> Layer:
    """Write permute."""
    return Layer(call("{0}.permute", *op.order))


def crop(op: ops.Crop, site: Site) -> Layer:
    """Write a slice to the size of the second input."""
    axis = op.axis % site.rank
    slices = []
    for i, offset in enumerate(op.offsets, start=axis):
        slices.append(f"{offset} : {offset} + {{1}}.size({i})" if offset else f": {{1}}.size({i})")
    return Layer(_indexed(axis, slices))


def tile(op: ops.Tile, site: Site) -> Layer:
    """Write repeat."""
    axis = op.axis % site.rank
    return Layer(call("{0}.repeat", *(op.tiles if i == axis else 1 for i in range(site.rank))))


def batch_reindex(_op: ops.BatchReindex, _site: Site) -> Layer:
    """Write a look-up of items."""
    return Layer("{0}[{1}.long()]")


def keep_selected(_op: ops.Filter, _site: Site) -> Layer:
    """Write a selection of items by a mask."""
    return Layer("{0}[{1}.flatten() != 0]")


def shuffle_channels(op: ops.ShuffleChannels, _site: Site) -> Layer:
    """Write a transposition of groups and their members."""
    return Layer(f"{{0}}.unflatten(1, ({op.groups}, -1)).transpose(1, 2).flatten(1, 2)")


def pad(op: ops.Pad, _site: Site) -> Layer:
    """Write F.pad."""
    amounts = tuple(amount for pair in reversed(op.pads) for amount in pair)
    value = {"value": float(op.value)} if op.value else {}
    return Layer(call("F.pad", Code("{0}"), amounts, **value))


def bilinear_resize(op: ops.BilinearResize, _site: Site) -> Layer:
    """Write F.interpolate between corner pixels, after a crop."""
    crop = any(map(any, op.pads))
    x = f"F.pad({{0}}, {code(tuple(amount for pair in reversed(op.pads) for amount in pair))})" if crop else "{0}"
    size = code(op.size)
    if op.size is None:
        sizes = [_zoomed(op, f"{{0}}.size({axis})", sum(op.pads[axis])) for axis in (-2, -1)]
        size = f"({', '.join(sizes)})"
    return Layer(f'F.interpolate({x}, {size}, mode="bilinear", align_corners=True)')


def _zoomed(op: ops.BilinearResize, size: str, room: int) -> str:
    """Return the target size, (m - 1) * zoom + 1 with m = (n - 1) // shrink + 1 and n the size after the crop."""
    last = f"({size} - {1 - room})"
    steps = last if op.shrink == 1 else f"{last} // {op.shrink}"
    return f"{steps} * {op.zoom} + 1" if op.zoom != 1 else f"{steps} + 1"


def nearest_upsampling(op: ops.NearestUpsampling, _site: Site) -> Layer:
    """Write nn.Upsample for powers of two (others it rounds), else repetitions."""
    rows, columns = op.factors
    if all(factor & (factor - 1) == 0 for factor in op.factors):
        factor = rows if rows == columns else op.factors
        return layered(call("nn.Upsample", scale_factor=factor))
    return Layer(f"{{0}}.repeat_interleave({rows}, 2).repeat_interleave({columns}, 3)")


def affine_grid(op: ops.AffineGrid, _site: Site) -> Layer:
    """Write an AffineGrid layer."""
    return layered(call("AffineGrid", *op.size))


def bilinear_sampler(_op: ops.BilinearSampler, _site: Site) -> Layer:
    """Write a BilinearSampler layer."""
    return Layer("{layer}({0}, {1})", "BilinearSampler()")
