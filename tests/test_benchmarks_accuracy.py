from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime  # noqa: F401 - backbones of sources run in it
import pandas as pd
import pytest

import trained_heads
from benchmarks.artefacts.making import answer
from benchmarks.artefacts.request import Answer, Request
from benchmarks.cells import Settings, Task
from benchmarks.errors import BenchError, RunnerError
from benchmarks.measuring.accuracy import measure
from benchmarks.records.result import Accuracy
from benchmarks.runners import CallPath, Device, Runner
from converters import passes
from converters.conversion.sources import find_model, read
from converters.options import Options
from heads.backbones import open_backbone
from heads.embeddings.extraction import EmbedOptions, embed
from heads.embeddings.labelled import Labelled
from heads.embeddings.loading import load_labelled
from heads.face_files import write_table
from heads.faces import FaceTable
from heads.models.head import Head
from heads.models.inference import probabilities
from heads.provenance import Crop, EmbeddingSpec
from heads.synthetic.drawn_set import draw_faces

Array = np.ndarray[Any, Any]
WORDS, NODES, BATCH = ("vgg-face-tiny",), ("pool5", "fc7"), 5
LABELS = ("angular", "round")


class GraphRunner(Runner):
    """NumPy, with batches of one size alone."""

    packages: ClassVar = ("numpy",)
    call_paths: ClassVar = {"run": CallPath()}
    spoiled = 1.0

    @classmethod
    def artefact(cls, settings: Settings) -> str:  # noqa: ARG003 - the protocol's
        return "source"

    @classmethod
    def devices(cls) -> list[Device]:
        return [Device("cpu")]

    def import_library(self) -> None:
        pass

    def read_weights(self) -> None:
        self.whole = read(find_model(WORDS), Options())

    def build(self) -> None:
        self.graph = passes.resize(passes.cut(self.whole, self.nodes), {"data": (BATCH, 3, 64, 64)})

    def prepare(self, batch: Array) -> Any:
        return batch

    def run(self, feed: Any) -> Any:
        return self.graph.output_values(self.graph.run({"data": feed}))

    def values(self, answer: Any) -> dict[str, Array]:
        return {name: value * np.float32(self.spoiled) for name, value in answer.items()}

    def read_back(self) -> dict[str, Any]:
        return {}


class Stage:
    """Drawn faces in three parts, embedded as `heads embed` does, and the probe set of the same network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        table = draw_faces(folder / "faces", people=8, per_person=3, seed=3)
        parts = np.repeat(["train", "val", "test", "test"], 6)
        self.table = table.with_rows(table.rows.assign(split=parts))
        self.made: Answer = answer(Request(WORDS, str(folder / "work"), NODES, images=2))

    def listing(self, table: FaceTable | None = None, name: str = "split.csv") -> str:
        write_table(table or self.table, self.folder / name)
        return str(self.folder / name)

    def embedded(self, name: str, **changes: Any) -> Labelled:
        crop = changes.pop("crop", Crop())
        backbone = open_backbone(WORDS, NODES, **changes)
        embed(backbone, self.table, self.folder / name, EmbedOptions(crop=crop))
        return load_labelled(self.folder / name)

    def head(self, spec: EmbeddingSpec, name: str = "head") -> Head:
        head = trained_heads.head_on(spec, labels=LABELS)
        trained_heads.saved(head, self.folder / name)
        return head

    def task(self, faces: str, head: str = "head") -> Task:
        made = self.made
        return Task(
            model=made.model, runner="test", settings=Settings(threads=2), batch=BATCH, scenario="accuracy",
            nodes=made.nodes, input_shape=(3, 64, 64), probe=made.probe, head=str(self.folder / head), faces=faces,
        )  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="module")
def plain(stage: Stage) -> Labelled:
    return stage.embedded("plain")


def runner(nodes: tuple[str, ...] = NODES, kind: type[GraphRunner] = GraphRunner) -> Runner:
    made = kind({}, nodes, Settings())
    made.import_library()
    made.read_weights()
    made.build()
    return made


def by_path(found: Mapping[str, Any]) -> dict[str, Any]:
    return {each["path"]: each for each in found["predictions"]}


def check_equal(found: Mapping[str, Any], head: Head, part: Labelled) -> None:
    """Hold predictions against what `heads evaluate` counts."""
    said = probabilities(head, part.vectors, part.spec)
    predictions = by_path(found)
    assert set(predictions) == set(part.table.rows["path"])
    for path, probability in zip(part.table.rows["path"], said, strict=True):
        one = predictions[path]
        assert one["probability"] == pytest.approx(float(probability), abs=2e-5)
        assert one["predicted"] == LABELS[int(probability >= head.calibration.threshold)]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("whole", {}),
        ("unit", {"normalize": True}),
        ("boxes", {"crop": Crop("box", {"margin": 0.1, "square": True, "outside": "black"})}),
    ],
)
def test_predictions_are_those_of_heads(stage: Stage, name: str, how: dict[str, Any]) -> None:
    labelled = stage.embedded(f"embedded-{name}", **how)
    head = stage.head(labelled.spec, f"head-{name}")
    found = measure(stage.task(stage.listing(), f"head-{name}"), runner())
    check_equal(found, head, labelled.part("test"))
    assert len({each["probability"] for each in found["predictions"]}) == 12
    Accuracy(**found)


def test_a_prediction_says_whose_face_it_is(stage: Stage, plain: Labelled) -> None:
    stage.head(plain.spec)
    found = measure(stage.task(stage.listing()), runner())
    row = stage.table.rows.iloc[-1]
    assert by_path(found)[row["path"]] | {"predicted": "", "probability": 0} == {
        "path": row["path"],
        "truth": row["label"],
        "predicted": "",
        "probability": 0,
        "identity": row["identity"],
        "groups": {"tone": row["group_tone"], "light": row["group_light"]},
    }
    assert (found["head"], found["positive"], found["part"], found["left_out"]) == ("head", "round", "test", {})


def test_the_validation_part_stands_in_for_a_test_part(stage: Stage, plain: Labelled) -> None:
    head = stage.head(plain.spec)
    rows = stage.table.rows
    without = stage.table.with_rows(rows[rows["split"] != "test"])
    found = measure(stage.task(stage.listing(without, "val.csv")), runner())
    assert found["part"] == "val"
    check_equal(found, head, plain.part("val"))
    only = stage.table.with_rows(rows[rows["split"] == "train"])
    with pytest.raises(BenchError, match="no face is in the part test or val"):
        measure(stage.task(stage.listing(only, "train.csv")), runner())


def test_faces_that_cannot_be_used_are_counted(stage: Stage, plain: Labelled) -> None:
    stage.head(plain.spec)
    rows = stage.table.rows.copy()
    rows.loc[rows.index[-1], "path"] = "images/none.jpg"
    rows.loc[rows.index[-2], "label"] = "square"
    found = measure(stage.task(stage.listing(stage.table.with_rows(rows), "spoiled.csv")), runner())
    assert found["left_out"] == {"without a label of the head": 1, "unusable images": 1}
    assert set(by_path(found)) == set(rows["path"][-12:-2])


def test_no_usable_face_is_an_error(stage: Stage, plain: Labelled) -> None:
    stage.head(plain.spec)
    rows: pd.DataFrame = stage.table.rows
    missing = stage.table.with_rows(rows.assign(path="none.jpg"))
    with pytest.raises(BenchError, match="none of the 12 images can be used; the first is none.jpg: cannot be read"):
        measure(stage.task(stage.listing(missing, "missing.csv")), runner())
    strange = stage.table.with_rows(rows.assign(label="square"))
    with pytest.raises(BenchError, match="no face of the part 'test' is labelled angular or round"):
        measure(stage.task(stage.listing(strange, "strange.csv")), runner())


def test_a_head_of_another_network_is_refused_with_every_reason(stage: Stage, plain: Labelled) -> None:
    other = {**plain.spec.preprocessing, "mean": [1.0, 2.0, 3.0], "size_height_width": [32, 32]}
    spec = replace(plain.spec, model_sha256="ab" * 32, preprocessing=other, crop=Crop("detected"))
    stage.head(spec, "strange")
    with pytest.raises(BenchError) as caught:
        measure(stage.task(stage.listing(), "strange"), runner(("fc7",)))
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 6
    for part in (
        f"the head was trained on vgg-face-tiny with the sha256 {'ab' * 32}, but vgg-face-tiny has",
        "the head was trained on the nodes pool5, fc7, but fc7 are measured; measure the head's",
        "the head was trained on images whose mean is [1.0, 2.0, 3.0], but vgg-face-tiny states [93.59",
        "its faces were found by a detector",
        "its images have 32x32 pixels, the network takes 64x64",
    ):
        assert part in told


def test_a_head_that_is_not_there_is_named(stage: Stage) -> None:
    with pytest.raises(BenchError, match="nowhere: holds no head"):
        measure(stage.task(stage.listing(), "nowhere"), runner())


def test_a_probe_set_of_nothing_known_is_refused(stage: Stage, plain: Labelled, tmp_path: Path) -> None:
    stage.head(plain.spec)
    np.savez(tmp_path / "probe.npz", inputs=np.zeros(1))
    task = replace(stage.task(stage.listing()), probe=str(tmp_path / "probe.npz"))
    with pytest.raises(BenchError, match="does not say which network it belongs to"):
        measure(task, runner())


def test_embeddings_that_are_no_numbers_are_the_runners_fault(stage: Stage, plain: Labelled) -> None:
    class Broken(GraphRunner):
        spoiled = float("nan")

    stage.head(plain.spec)
    with pytest.raises(RunnerError, match="embeddings of 5 of 5 faces are not finite numbers"):
        measure(stage.task(stage.listing()), runner(kind=Broken))


def test_a_runner_that_answers_otherwise_is_seen(stage: Stage, plain: Labelled) -> None:
    class Louder(GraphRunner):
        spoiled = 1.2

    stage.head(plain.spec)
    right, wrong = (by_path(measure(stage.task(stage.listing()), runner(kind=kind))) for kind in (GraphRunner, Louder))
    assert all(abs(right[path]["probability"] - wrong[path]["probability"]) > 1e-6 for path in right)
