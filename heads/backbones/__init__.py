"""Networks whose values are the embeddings: whatever file they lie in, opened as one thing that takes images."""

from heads.backbones.backbone import Backbone
from heads.backbones.opening import open_backbone
from heads.backbones.stating import Stated
from heads.backbones.swapping import ChannelSwap, channel_swap_cost

__all__ = ["Backbone", "ChannelSwap", "Stated", "channel_swap_cost", "open_backbone"]
