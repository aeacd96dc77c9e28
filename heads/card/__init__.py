"""The model card of a head, made of recorded facts alone."""

from heads.card.writing import card_text, write_card

__all__ = ["card_text", "write_card"]
