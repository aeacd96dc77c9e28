"""Embedding against the bare network, and its memory as the number of images grows, as ratios within one run.

    python -m benchmarks.studies.embedding_throughput [--model MODEL...] [--images 64] [--batch-size 8] [--rounds 3]
                                              [--counts 1000 10000 100000] [--folder DIR]

Prints two Markdown tables. The first compares `embed` (reading, decoding, preparing, network, writing) with the network
alone on a batch that is ready; rounds of both take turns. By default the network is a full-size VGG-Face with seeded
weights. The second is measured on whole processes, whose network is a single matrix product, so that all else is seen;
"again" is a second run, which finds everything known. The images are synthetic.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import prototxt
from benchmarks.studies import full_size_model
from benchmarks.studies.embedding_images import image_names, table_of, write_images
from benchmarks.studies.processes import Measured, measure
from heads.backbones.backbone import Backbone
from heads.backbones.opening import open_backbone
from heads.backbones.stating import Stated
from heads.embeddings.extraction import EmbedOptions, embed
from heads.face_files import write_table
from heads.images.decoding import read_rgb

VGG_FACE = Stated("BGR", prototxt.VGG_FACE_MEAN[::-1], (1.0,), (224, 224))
PHOTOGRAPH, THUMBNAIL = (218, 178), (64, 64)


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", help="what `heads embed` takes (default: VGG-Face, seeded weights)")
    parser.add_argument("--node", nargs="+", default=[])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--counts", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="for images and embeddings (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        folder = Path(scratch)
        if given.images:
            backbone = _backbone(given.model, given.node, given.device, folder)
            print(throughput(backbone, folder, given.images, given.batch_size, given.rounds), flush=True)
        if given.counts:
            print("\n" + memory(folder, given.counts))


def _backbone(model: Sequence[str] | None, nodes: Sequence[str], device: str, folder: Path) -> Backbone:
    if model:
        return open_backbone(model, nodes, device=device)
    network, weights, _ = full_size_model.write(folder / "model")
    return open_backbone([str(network), str(weights)], nodes, device=device, stated=VGG_FACE)


def throughput(backbone: Backbone, folder: Path, images: int, batch_size: int, rounds: int) -> str:
    """Return images per second of the network alone and of `embed`, as a Markdown table."""
    paths = write_images(folder / "photographs", images, PHOTOGRAPH)
    table = table_of(folder / "photographs", paths)
    ready = backbone.prepare(read_rgb((folder / "photographs" / paths[0]).read_bytes()))
    batch = np.stack([ready] * batch_size)
    backbone.run(batch)
    alone, whole = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(images // batch_size):
            backbone.run(batch)
        alone.append(images // batch_size * batch_size / (time.perf_counter() - start))
        result = embed(backbone, table, folder / "embeddings", EmbedOptions(batch_size=batch_size))
        whole.append(images / result.seconds)
        shutil.rmtree(folder / "embeddings")
    ratio = statistics.median(mine / bare for mine, bare in zip(whole, alone, strict=True))
    figures = f"{statistics.median(alone):.1f} | {statistics.median(whole):.1f} | {ratio:.2f}"
    lines = [
        "| network | device | batch | network alone, images/s | `embed`, images/s | ratio |",
        "|---|---|---:|---:|---:|---:|",
        f"| {backbone.model} | {backbone.device} | {batch_size} | {figures} |",
    ]
    return "\n".join(lines)


def memory(folder: Path, counts: Sequence[int]) -> str:
    """Return peak memory and images per second for growing numbers of images, as a Markdown table."""
    lines = [
        "| images | images/s | again, images/s | peak anonymous memory | / smallest |",
        "|---:|---:|---:|---:|---:|",
    ]
    write_images(folder / "thumbnails", max(counts), THUMBNAIL)
    smallest = 0
    for count in counts:
        write_table(table_of(folder / "thumbnails", image_names(count)), folder / "table.csv")
        first, again = (_run(folder) for _ in range(2))
        peak = max(first.anonymous_bytes, again.anonymous_bytes)
        smallest = smallest or peak
        lines.append(
            f"| {count:,} | {count / first.seconds:,.0f} | {count / again.seconds:,.0f} | {peak / 1e6:.0f} MB | "
            f"{peak / smallest:.2f} |"
        )
        shutil.rmtree(folder / "embeddings")
    return "\n".join(lines)


def _run(folder: Path) -> Measured:
    words = [str(folder / "table.csv"), str(folder / "embeddings")]
    return measure([sys.executable, "-m", "benchmarks.studies.embedding_images", *words])


if __name__ == "__main__":
    main()
