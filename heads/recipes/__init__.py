"""Recipes: named kinds of heads with every setting of their training, as TOML files that anybody may add to."""

from heads.recipes.reading import built_in, load_recipe
from heads.recipes.recipe import Recipe

__all__ = ["Recipe", "built_in", "load_recipe"]
