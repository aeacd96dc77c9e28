"""Layers of Caffe's two old formats, V0 (`layers { layer { } }`) and V1 (`layers { }`) -> V2 (`layer { }`).

Follows `src/caffe/util/upgrade_proto.cpp`. Where Caffe logs "Unknown parameter ... for layer type" and goes on without
it, a warning says so.
"""

from dataclasses import dataclass, field

from converters.caffe.layer_types import V0_TYPES, V1_TYPES
from converters.caffe.problems import Problems
from converters.caffe.schema import fields
from converters.caffe.tree import Message
from converters.errors import FormatError, did_you_mean


@dataclass(eq=False)
class Upgrade:
    """The V2 layers on their way, with what was wrong and what was ignored."""

    problems: Problems
    layers: list[Message]
    warnings: list[str] = field(default_factory=list)


def upgraded_layers(net: Message) -> Upgrade:
    """Return the layers of a net as V2 messages; raises `FormatError` for a net that mixes formats."""
    new, old = net.all("layer"), net.all("layers")
    if new and old:
        raise FormatError(
            f"{net.where('layers')}: the file has both 'layers' (old format, types like CONVOLUTION) and "
            f"'layer' (line {new[0].line}, new format, types like \"Convolution\"); Caffe refuses such a file. "
            "Write all blocks in one of the two formats"
        )
    upgrade = Upgrade(Problems(net.path), new)
    if any(layer.has("layer") for layer in old):
        upgrade.layers = _from_v0(net, old, upgrade)
    elif old:
        upgrade.layers = [_from_v1(layer) for layer in old]
    return upgrade


def _from_v1(old: Message) -> Message:
    new = Message("LayerParameter", old.path, old.line)
    for name in old.names():
        if name not in _V1_ONLY:
            _copy(old, name, new)
    for kind, line in old.items("type"):
        new.add("type", V1_TYPES[kind], line)
    _add_param_specs(old, new)
    _move_data_settings(new)
    return new


def _add_param_specs(old: Message, new: Message) -> None:
    """Gather the parallel lists of V1 into one `param { }` per blob."""
    known = fields(old.kind)
    lists = {target: old.items(source) for source, target in _PARAM_LISTS.items() if source in known}
    for index in range(max(len(entries) for entries in lists.values())):
        spec = Message("ParamSpec", old.path, old.line)
        for target, entries in lists.items():
            if index < len(entries):
                spec.add(target, *entries[index])
        new.add("param", spec, old.line)


def _move_data_settings(layer: Message) -> None:
    """Move scale, mean, crop and mirror of an old data layer into `transform_param`, which they overrule."""
    block = _DATA_BLOCKS.get(layer.get("type"))
    if block is None:
        return
    settings = layer.message(block)
    moved = [name for name in _TRANSFORM_FIELDS if settings.has(name)]
    if not moved:
        return
    transform = layer.message("transform_param").copied(without=moved)
    for name in moved:
        _copy(settings, name, transform)
    layer.replace(block, settings.copied(without=_TRANSFORM_FIELDS))
    layer.replace("transform_param", transform)


def _from_v0(net: Message, old: list[Message], upgrade: Upgrade) -> list[Message]:
    for layer in old:
        _check_v0_wrapper(layer, upgrade)
    melted = _melt_paddings(net, [layer for layer in old if layer.has("layer")], upgrade)
    return [_v2_from_v0(layer, upgrade) for layer in melted]


def _check_v0_wrapper(layer: Message, upgrade: Upgrade) -> None:
    """In a V0 net Caffe reads nothing beside `layer`, `bottom` and `top`."""
    if not layer.has("layer"):
        upgrade.problems.add(
            f"{layer.where()}: this block has no inner 'layer {{ }}' as the file's other blocks have; "
            "Caffe would read no type and no settings from it"
        )
        return
    for name in layer.names():
        if name not in ("layer", "bottom", "top"):
            upgrade.problems.add(
                f"{layer.where(name)}: '{name}' stands outside the inner 'layer {{ }}', where Caffe ignores it"
            )


def _melt_paddings(net: Message, old: list[Message], upgrade: Upgrade) -> list["_V0Layer"]:
    """Let every padding layer vanish into the convolution or pooling that reads it."""
    producers: dict[str, Message | None] = dict.fromkeys(net.all("input"))
    kept = []
    for layer in old:
        kind = layer.message("layer").get("type")
        melted = _V0Layer(layer, layer.items("bottom"), None)
        for index, (bottom, line) in enumerate(layer.items("bottom")):
            if bottom not in producers:
                upgrade.problems.add(
                    f"{layer.path}:{line}: unknown bottom '{bottom}'{did_you_mean(bottom, producers)}; "
                    "a V0 net declares its inputs with 'input:'"
                )
            source = producers.get(bottom)
            if source is not None and source.message("layer").get("type") == "padding":
                _melt(melted, index, source, upgrade)
        if kind != "padding":
            kept.append(melted)
        producers.update(dict.fromkeys(layer.all("top"), layer))
    return kept


@dataclass(eq=False)
class _V0Layer:
    """A V0 layer with its bottoms after melting, and the padding layer that melted into it."""

    message: Message
    bottoms: list[tuple[str, int]]
    padding: Message | None


def _melt(layer: _V0Layer, index: int, source: Message, upgrade: Upgrade) -> None:
    kind = layer.message.message("layer").get("type")
    if kind not in ("conv", "pool") or len(layer.bottoms) != 1:
        upgrade.problems.add(
            f"{layer.message.where()}: a '{kind}' layer with {len(layer.bottoms)} bottoms reads the padding layer of "
            f"line {source.line}; only a conv or pool layer with one bottom can"
        )
    elif len(source.all("bottom")) != 1 or len(source.all("top")) != 1:
        upgrade.problems.add(f"{source.where()}: a padding layer takes one bottom and one top")
    else:
        layer.bottoms[index] = source.items("bottom")[0]
        layer.padding = source.message("layer")


def _v2_from_v0(old: _V0Layer, upgrade: Upgrade) -> Message:
    inner = old.message.message("layer")
    new = Message("LayerParameter", inner.path, old.message.line)
    kind = inner.get("type")
    if kind and kind not in V0_TYPES:
        upgrade.problems.add(f"{inner.where('type')}: unknown V0 layer type '{kind}'{did_you_mean(kind, V0_TYPES)}")
    _copy(inner, "name", new)
    if inner.has("type"):
        new.add("type", V0_TYPES.get(kind, kind), inner.line_of("type"))
    for bottom, line in old.bottoms:
        new.add("bottom", bottom, line)
    _copy(old.message, "top", new)
    _copy(inner, "blobs", new)
    _add_v0_settings(inner, new, kind, upgrade)
    if old.padding is not None:
        block = new.message(_PADDED[kind]).copied(without=["pad"])
        block.add("pad", old.padding.get("pad"), old.padding.line_of("pad"))
        new.replace(_PADDED[kind], block)
    _add_param_specs(inner, new)
    return new


def _add_v0_settings(inner: Message, new: Message, kind: str, upgrade: Upgrade) -> None:
    """Distribute the flat settings of a V0 layer over the settings blocks of V2."""
    for name in inner.names():
        if name in _V0_OWN:
            continue
        targets = _V0_SETTINGS.get(name, {})
        target = targets.get(kind) or targets.get("")
        if target is None:
            upgrade.warnings.append(
                f"{inner.where(name)}: '{name}' means nothing in a V0 layer of type '{kind}'; Caffe ignores it"
            )
            continue
        block, _, field_name = target.partition(".")
        if not field_name:
            _copy(inner, name, new)
            continue
        if not new.has(block):
            new.add(block, Message(fields("LayerParameter")[block].kind, inner.path, inner.line), inner.line)
        for value, line in inner.items(name):
            new.message(block).add(field_name, value, line)


def _copy(source: Message, name: str, target: Message) -> None:
    for value, line in source.items(name):
        target.add(name, value, line)


_PARAM_LISTS = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}
_V1_ONLY = frozenset(("type", "layer", *_PARAM_LISTS))
_TRANSFORM_FIELDS = ("scale", "mean_file", "crop_size", "mirror")
_DATA_BLOCKS = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}
_PADDED = {"conv": "convolution_param", "pool": "pooling_param"}

# Where a V0 setting goes, by the V0 type of its layer ("" is any type): to `block.field`, or to a block as a whole.
_V0_SOURCES = {
    "data": "data_param.source",
    "hdf5_data": "hdf5_data_param.source",
    "images": "image_data_param.source",
    "window_data": "window_data_param.source",
    "infogain_loss": "infogain_loss_param.source",
}
_V0_BATCH_SIZES = {
    "data": "data_param.batch_size",
    "hdf5_data": "hdf5_data_param.batch_size",
    "images": "image_data_param.batch_size",
    "window_data": "window_data_param.batch_size",
}
_V0_SETTINGS: dict[str, dict[str, str]] = {
    "num_output": {"conv": "convolution_param.num_output", "innerproduct": "inner_product_param.num_output"},
    "biasterm": {"conv": "convolution_param.bias_term", "innerproduct": "inner_product_param.bias_term"},
    "weight_filler": {"conv": "convolution_param.weight_filler", "innerproduct": "inner_product_param.weight_filler"},
    "bias_filler": {"conv": "convolution_param.bias_filler", "innerproduct": "inner_product_param.bias_filler"},
    "pad": {"conv": "convolution_param.pad", "pool": "pooling_param.pad"},
    "kernelsize": {"conv": "convolution_param.kernel_size", "pool": "pooling_param.kernel_size"},
    "stride": {"conv": "convolution_param.stride", "pool": "pooling_param.stride"},
    "group": {"conv": "convolution_param.group"},
    "pool": {"pool": "pooling_param.pool"},
    "dropout_ratio": {"dropout": "dropout_param.dropout_ratio"},
    "local_size": {"lrn": "lrn_param.local_size"},
    "alpha": {"lrn": "lrn_param.alpha"},
    "beta": {"lrn": "lrn_param.beta"},
    "k": {"lrn": "lrn_param.k"},
    "source": _V0_SOURCES,
    "batchsize": _V0_BATCH_SIZES,
    "scale": {"": "transform_param.scale"},
    "meanfile": {"": "transform_param.mean_file"},
    "cropsize": {"": "transform_param.crop_size"},
    "mirror": {"": "transform_param.mirror"},
    "rand_skip": {"data": "data_param.rand_skip", "images": "image_data_param.rand_skip"},
    "shuffle_images": {"images": "image_data_param.shuffle"},
    "new_height": {"images": "image_data_param.new_height"},
    "new_width": {"images": "image_data_param.new_width"},
    "concat_dim": {"concat": "concat_param.concat_dim"},
    "det_fg_threshold": {"window_data": "window_data_param.fg_threshold"},
    "det_bg_threshold": {"window_data": "window_data_param.bg_threshold"},
    "det_fg_fraction": {"window_data": "window_data_param.fg_fraction"},
    "det_context_pad": {"window_data": "window_data_param.context_pad"},
    "det_crop_mode": {"window_data": "window_data_param.crop_mode"},
    "hdf5_output_param": {"hdf5_output": "hdf5_output_param"},
}
_V0_OWN = frozenset(("name", "type", "blobs", "blobs_lr", "weight_decay"))
