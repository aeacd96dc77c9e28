"""Networks whose values are the embeddings: whatever file they lie in, opened as one thing that takes images."""

from heads.backbones.backbone import Backbone
from heads.backbones.opening import open_backbone
from heads.backbones.stating import Stated

__all__ = ["Backbone", "Stated", "open_backbone"]
