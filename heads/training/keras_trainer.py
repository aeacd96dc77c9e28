"""The same heads in Keras: one model each, the dropout masks coming in as inputs so that both frameworks drop alike."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from converters.keras_model.library import keras
from converters.ops import Array
from heads.recipes.recipe import MlpSettings


def create(layers: Sequence[Array], settings: MlpSettings) -> "KerasStack":
    """Return a stack with these learned arrays."""
    return KerasStack(layers, settings)


def environment() -> dict[str, Any]:
    """Return what may change a result's last digit."""
    return {"keras": keras.__version__, "backend": keras.backend.backend()}


@contextmanager
def threads(_count: int | None) -> Iterator[None]:
    """Leave the threads to Keras' backend."""
    yield


@dataclass(frozen=True, eq=False)
class _Model:
    """A network for learning, which takes masks beside the embeddings, and one for answers, of the same layers."""

    learning: Any
    answering: Any


class KerasStack:
    """Heads with layers of the same widths, trained one after the other; see `heads.training.stack.Stack`."""

    def __init__(self, layers: Sequence[Array], settings: MlpSettings) -> None:
        self._settings = settings
        self._models = [_model([layer[head] for layer in layers], settings) for head in range(len(layers[0]))]

    def step(
        self, inputs: Array, targets: Array, weights: Array, masks: Sequence[Array | None], rates: Sequence[float]
    ) -> Array:
        """Learn from one batch; return each head's loss on it (heads,) before that."""
        losses = []
        for head, (model, rate) in enumerate(zip(self._models, rates, strict=True)):
            model.learning.optimizer.learning_rate = rate
            drawn = [mask[head] for mask in masks if mask is not None]
            losses.append(model.learning.train_on_batch([inputs, *drawn], targets[:, None], sample_weight=weights))
        return np.array(losses, dtype=np.float64)

    def logits(self, inputs: Array) -> Array:
        """Return (heads, faces), without dropout."""
        found = [keras.ops.convert_to_numpy(model.answering(inputs, training=False)) for model in self._models]
        return np.stack([values[:, 0] for values in found])

    def layers(self) -> list[Array]:
        """Return copies of all learned arrays."""
        heads = [_turned(model.answering.get_weights()) for model in self._models]
        return [np.stack(arrays) for arrays in zip(*heads, strict=True)]

    def state(self) -> dict[str, Array]:
        """Return everything that training goes on from."""
        found = {}
        for head, model in enumerate(self._models):
            for number, variable in enumerate(_variables(model)):
                found[f"{head}.{number}"] = np.asarray(keras.ops.convert_to_numpy(variable))
        return found

    def restore(self, state: dict[str, Array]) -> None:
        """Go on from what `state` of a stack of as many heads returned."""
        for head, model in enumerate(self._models):
            for number, variable in enumerate(_variables(model)):
                variable.assign(state[f"{head}.{number}"])

    def keep(self, chosen: Sequence[int]) -> None:
        """Train these heads alone from now on."""
        self._models = [self._models[head] for head in chosen]


def _model(layers: Sequence[Array], settings: MlpSettings) -> _Model:
    """Build a head; a layer with dropout has its masks (faces, units) as a further input."""
    inputs = keras.Input((layers[0].shape[1],))
    learning, answering, masks = inputs, inputs, []
    for width, rate in zip(settings.hidden, settings.dropout, strict=True):
        dense = keras.layers.Dense(width, activation=settings.activation)
        learning, answering = dense(learning), dense(answering)
        if rate:
            masks.append(keras.Input((width,)))
            learning = keras.layers.Multiply()([learning, masks[-1]])
    last = keras.layers.Dense(1)
    model = _Model(keras.Model([inputs, *masks], last(learning)), keras.Model(inputs, last(answering)))
    model.answering.set_weights(_turned(layers))
    optimizer = keras.optimizers.Adam(
        settings.learning_rate, beta_1=settings.beta_1, beta_2=settings.beta_2, epsilon=settings.epsilon
    )
    model.learning.compile(optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    optimizer.build(model.learning.trainable_variables)
    return model


def _variables(model: _Model) -> list[Any]:
    return [*model.learning.trainable_variables, *model.learning.optimizer.variables]


def _turned(arrays: Sequence[Array]) -> list[Array]:
    """Turn weights (outputs, inputs) into kernels (inputs, outputs), or back; biases stay."""
    return [array.T if array.ndim == 2 else array for array in arrays]
