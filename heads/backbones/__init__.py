"""Networks whose values are the embeddings: whatever file they lie in, opened as one thing that takes images."""

from heads.backbones.backbone import Backbone
from heads.backbones.opening import open_backbone

__all__ = ["Backbone", "open_backbone"]
