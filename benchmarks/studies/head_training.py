"""Speed of training many heads in one pass, as ratios within one run.

    python -m benchmarks.studies.head_training [--faces 30000] [--dimension 2622] [--heads 20] [--rounds 3]

The recipe logits-16-16 with batches of 32 on embeddings drawn at random: our trainer with all heads (seeds x learning
rates) in one pass, `keras.Model.fit` with one head, a plain loop in PyTorch with one head. Each measures validation
once an epoch. The rounds take turns; a row is the median. Prints a Markdown table.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import torch

from converters.ops import Array
from heads.recipes import load_recipe
from heads.recipes.recipe import MlpSettings
from heads.training.checkpoint import Checkpoints
from heads.training.data import TrainingData, gathered
from heads.training.network_training import PassTraining
from heads.training.options import TrainOptions
from heads.training.runs import network_runs, passes
from heads.training.stack import FRAMEWORKS

VALIDATION = 0.1  # of the faces that are trained on, so many more are validated on
RATES = (3e-4, 1e-3, 3e-3, 1e-2)
Epoch = Callable[[], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("faces", 30_000), ("dimension", 2622), ("heads", 20), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    if options.heads % len(RATES):
        parser.error(f"--heads is {options.heads}, expected a multiple of the {len(RATES)} learning rates")
    data = drawn(options.faces, options.dimension)
    settings = load_recipe("logits-16-16").settings
    assert isinstance(settings, MlpSettings)
    epochs = {
        f"{options.heads} heads in one pass": (ours(data, options.heads), options.heads),
        "`keras.Model.fit`, one head": (fitting(data, settings), 1),
        "plain loop in PyTorch, one head": (looping(data, settings), 1),
        "gathering the batches once": (reading(data, settings), 1),
    }
    seconds = measured({name: epoch for name, (epoch, _) in epochs.items()}, options.rounds)
    print(table(seconds, {name: heads for name, (_, heads) in epochs.items()}))


def measured(epochs: dict[str, Epoch], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median seconds of each epoch, by the clock and of the processor; one round before warms up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in epochs}
    for _ in range(rounds + 1):
        for name, epoch in epochs.items():
            start, worked = time.perf_counter(), time.process_time()
            epoch()
            taken[name].append((time.perf_counter() - start, time.process_time() - worked))
    medians = {
        name: [statistics.median(column) for column in zip(*each[1:], strict=True)] for name, each in taken.items()
    }
    return {name: (seconds, worked) for name, (seconds, worked) in medians.items()}


def table(seconds: dict[str, tuple[float, float]], heads: dict[str, int]) -> str:
    """Return the rows in Markdown; ratios are to one head in Keras.

    Processor time is that of all threads: where other programs run as well, it tells more than the clock.
    """
    each = {name: [taken / heads[name] for taken in both] for name, both in seconds.items()}
    clock, processor = next(both for name, both in each.items() if "keras" in name)
    lines = [
        "| one epoch | seconds | per head | Keras / this | processor seconds per head | Keras / this |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {seconds[name][0]:.2f} | {own:.3f} | {clock / own:.1f} | {worked:.3f} | {processor / worked:.1f} |"
        for name, (own, worked) in each.items()
    ]
    return "\n".join(lines)


def drawn(faces: int, dimension: int) -> TrainingData:
    """Return embeddings of two labels that overlap, and their split."""
    generator = np.random.default_rng(0)
    count = faces + int(faces * VALIDATION)
    targets = generator.integers(0, 2, count).astype(np.float32)
    vectors = generator.standard_normal((count, dimension), dtype=np.float32)
    vectors += np.outer(targets, generator.standard_normal(dimension, dtype=np.float32) * np.float32(0.03))
    rows = np.arange(count)
    return TrainingData(vectors, targets, np.ones_like(targets), rows[:faces], rows[faces:], ("female", "male"))


def ours(data: TrainingData, heads: int) -> Epoch:
    """Return an epoch of our trainer: all heads, validation, and writing down how far it is."""
    recipe = load_recipe("logits-16-16").with_settings(epochs=1)
    framework = FRAMEWORKS["torch"]
    runs = network_runs([recipe], TrainOptions(seeds=heads // len(RATES), learning_rates=RATES))
    (planned,) = passes(runs, data.dimension, framework.workers)

    def epoch() -> None:
        with tempfile.TemporaryDirectory() as folder:
            kept = Checkpoints(Path(folder) / "head", "")
            PassTraining(planned, "pass-0", data, framework, "loss", kept).run(lambda _title, _fraction: None, "")

    return epoch


def fitting(data: TrainingData, settings: MlpSettings) -> Epoch:
    """Return an epoch of `keras.Model.fit`."""
    layers: list[keras.Layer] = [keras.Input((data.dimension,))]
    for width, rate in zip(settings.hidden, settings.dropout, strict=True):
        layers += [keras.layers.Dense(width, activation="relu"), keras.layers.Dropout(rate)]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss)
    train, val = _split(data, data.train_rows), _split(data, data.val_rows)
    return lambda: model.fit(*train, batch_size=settings.batch_size, validation_data=val, verbose=0)


def looping(data: TrainingData, settings: MlpSettings) -> Epoch:
    """Return an epoch of the loop that everybody writes."""
    widths = (data.dimension, *settings.hidden)
    layers: list[torch.nn.Module] = []
    for inputs, outputs, rate in zip(widths[:-1], widths[1:], settings.dropout, strict=True):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU(), torch.nn.Dropout(rate)]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 1))
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate)
    loss = torch.nn.BCEWithLogitsLoss()
    vectors, targets = map(torch.from_numpy, _split(data, data.train_rows))
    val_vectors, val_targets = map(torch.from_numpy, _split(data, data.val_rows))

    def epoch() -> None:
        model.train()
        for rows in torch.randperm(len(vectors)).split(settings.batch_size):
            optimizer.zero_grad()
            loss(model(vectors[rows]), targets[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            loss(model(val_vectors), val_targets).item()

    return epoch


def reading(data: TrainingData, settings: MlpSettings) -> Epoch:
    """Return one going over the embeddings in batches, and nothing else."""
    order = np.random.default_rng(0).permutation(data.train_rows)

    def epoch() -> None:
        for start in range(0, len(order), settings.batch_size):
            gathered(data.vectors, order[start : start + settings.batch_size])

    return epoch


def _split(data: TrainingData, rows: Array) -> tuple[Array, Array]:
    return data.vectors[rows], data.targets[rows, None]


if __name__ == "__main__":
    main()
