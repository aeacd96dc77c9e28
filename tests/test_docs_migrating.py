"""The guides in docs/migrating, and docs/README.md: every command in them is typed here, every Python block run.

Each guide gets a folder of its own, with small files under the names that it uses: vgg-face-tiny as `deploy.prototxt`
and `weights.caffemodel`, the same network as other tools would have stored it, and a picture. Published models are
those files too: a store of weights that `FACEPORT_WEIGHTS` names holds them as fetched and recorded, so that
`weights fetch` finds them there and opens no address. Blocks marked `text` show what another tool was told, and are not
run. A guide goes as far as the libraries that are installed allow.
"""

import ast
import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

import prototxt
import weights.cli
import weights.naming
from command_lines import Run, typed
from converters import cli, formats, read_caffe
from converters.command_line import arguments
from converters.conversion import names
from converters.files.hashing import sha256
from converters.ir import Graph
from converters.ops import Array, Dense
from releases import mat_release
from weights.command_line.arguments import OPTIONS as weights_options  # noqa: N811 - one of two tables of this name
from weights.registry import reading
from weights.store import files as store
from weights.store.place import FOLDER_VARIABLE, model_folder

ROOT = Path(__file__).parent.parent
INDEX = ROOT / "docs" / "README.md"
GUIDES = sorted((ROOT / "docs" / "migrating").glob("*.md"))
TINY = prototxt.find("vgg-face-tiny")
MEAN = (93.5940, 104.7624, 129.1863)
PROGRAMS: dict[str, Callable[[], None]] = {"convert": cli.main, "weights": weights.cli.main}
LONGEST_LINES = 65


class Block(NamedTuple):
    """A fenced block: its language, the line that it begins at, and its text."""

    language: str
    line: int
    text: str


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(each[1], text[: each.start(2)].count("\n") + 1, each[2]) for each in found]


def commands(block: Block) -> Iterator[tuple[int, list[str]]]:
    """Yield each command of a block of shell, and its line."""
    for number, line in enumerate(block.text.replace("\\\n", " ").splitlines()):
        words = shlex.split(line, comments=True)
        if words:
            yield block.line + number, words


def libraries(block: Block) -> set[str]:
    """Name the libraries that a block needs."""
    if block.language == "python":
        tree = ast.parse(block.text)
        found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        found |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        return {name.split(".")[0] for name in found}
    needed: set[str] = set()
    for _, words in commands(block):
        target = words[1].rpartition("-to-")[2]
        if any(word.endswith(".onnx") for word in words):
            target = "onnx"
        needed |= set(formats.TARGETS[target].libraries) if target in formats.TARGETS else set()
    return needed


# The folder of a guide


@pytest.fixture
def tiny() -> Graph:
    assert TINY.weights is not None
    return read_caffe(TINY.prototxt, TINY.weights)


@pytest.fixture
def folder(tmp_path: Path, tiny: Graph, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the files that the guides name."""
    work = tmp_path / "work"
    work.mkdir()
    copy_caffe(work, "deploy.prototxt", "weights.caffemodel")
    mat_release(work / "vgg-face.mat", tiny, MEAN[::-1])
    keras_h5(work / "weights.h5", tiny, rows_in_order=False)
    keras_h5(work / "rcmalli_vggface_tf_vgg16.h5", tiny)
    keras_h5(work / "vgg_face_weights.h5", tiny, numbered=True)
    if importlib.util.find_spec("PIL"):
        picture(work / "face.png")
    if importlib.util.find_spec("onnx"):
        old_onnx(work / "old.onnx", tiny)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "store"))
    # The entry point that an installed package declares, also where it is not installed.
    monkeypatch.setattr(names, "sources", lambda: (weights.naming,))
    fill_store("vgg-face")
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return work


def copy_caffe(folder: Path, network: str, learned: str) -> None:
    assert TINY.weights is not None
    shutil.copy(TINY.prototxt, folder / network)
    shutil.copy(TINY.weights, folder / learned)


def fill_store(name: str) -> None:
    """Put the tiny network into the store as a published model, as if it had been fetched and recorded."""
    model = reading.model(name)
    folder = model_folder(name)
    folder.mkdir(parents=True)
    by_role = {member.role: member.name for member in model.members}
    copy_caffe(folder, by_role["prototxt"], by_role["weights"])
    (folder / by_role["labels"]).write_text("".join(f"Person_{index}\n" for index in range(164)), "utf-8")
    (folder / by_role["other"]).write_bytes(b"a picture that nobody opens")
    local = store.local_files(model)
    hashes = {member: sha256(path) for member, path in local.items()}
    store.record(model, hashes, dict.fromkeys(hashes, store.CONFIRMED))


def keras_h5(path: Path, model: Graph, *, rows_in_order: bool = True, numbered: bool = False) -> None:
    """Write weights as Keras 2 stored them.

    `rows_in_order` says whether the first dense layer's rows are turned to Keras's order; `numbered` is the form of
    deepface: dense layers as convolutions, layers called conv2d_1 ..., RGB.
    """
    with h5py.File(path, "w") as file:
        titles = []
        for index, node in enumerate((node for node in model if node.params), 1):
            title = f"conv2d_{index}" if numbered else node.name
            kernel = keras_kernel(model, node, rows_in_order=rows_in_order, convolved=numbered)
            if numbered and index == 1:
                kernel = kernel[:, :, ::-1]
            group = file.create_group(title)
            group.attrs["weight_names"] = [f"{title}/kernel:0".encode(), f"{title}/bias:0".encode()]
            group[f"{title}/kernel:0"], group[f"{title}/bias:0"] = kernel, node.params["bias"]
            titles.append(title.encode())
        file.attrs["layer_names"], file.attrs["keras_version"], file.attrs["backend"] = titles, b"2.2.4", b"tensorflow"


def keras_kernel(model: Graph, node: Any, *, rows_in_order: bool, convolved: bool) -> Array:
    weight: Array = node.params["weight"]
    read = model.shapes[node.inputs[0]][1:]
    if isinstance(node.op, Dense):
        if len(read) != 3 and not convolved:
            return np.ascontiguousarray(weight.T)
        weight = weight.reshape(len(weight), *(read if len(read) == 3 else (weight.shape[1], 1, 1)))
        if not convolved:
            turned = weight.transpose(0, 2, 3, 1) if rows_in_order else weight
            return np.ascontiguousarray(turned.reshape(len(weight), -1).T)
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))


def picture(path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (80, 70, 3)).astype(np.uint8)
    importlib.import_module("PIL.Image").fromarray(pixels).save(path)


def old_onnx(path: Path, model: Graph) -> None:
    """Write the network as another tool would: without a word about itself."""
    onnx = importlib.import_module("onnx")
    importlib.import_module("converters.to_onnx").save(model, path)
    loaded = onnx.load(path)
    del loaded.metadata_props[:]
    onnx.save(loaded, path)


# The guides


@pytest.mark.parametrize("guide", [INDEX, *GUIDES], ids=lambda path: path.stem)
def test_every_block_runs(
    guide: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shared: dict[str, Any] = {"__name__": "guide"}
    before = set(sys.modules)
    try:
        for block in blocks(guide):
            for library in sorted(libraries(block) if block.language != "text" else ()):
                pytest.importorskip(library)
            if block.language == "python":
                # Lines are those of the guide, so that a traceback names them.
                code = compile("\n" * (block.line - 1) + block.text, str(guide), "exec")
                exec(code, shared)  # noqa: S102 - that it runs is what is tested
            elif block.language == "bash":
                for line, words in commands(block):
                    run: Run = typed(words[0], PROGRAMS[words[0]], monkeypatch, capsys)
                    ended = run(*words[1:])
                    assert ended.status == 0, f"{guide.name}:{line}: {ended.out}{ended.err}"
    finally:
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
                del sys.modules[name]


@pytest.mark.parametrize("guide", [INDEX, *GUIDES], ids=lambda path: path.stem)
def test_blocks_are_of_known_kinds_and_hold_our_commands(guide: Path) -> None:
    found = blocks(guide)
    assert {block.language for block in found} <= {"bash", "python", "text"}
    assert guide.read_text(encoding="utf-8").count("```") == 2 * len(found)
    typed_words = [words[0] for block in found if block.language == "bash" for _, words in commands(block)]
    assert typed_words and set(typed_words) <= set(PROGRAMS)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_shows_old_and_new_and_what_changes(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    languages = [block.language for block in blocks(guide)]
    assert languages[0] == "text" and languages[1] == "bash" and "python" in languages
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["What changes in preprocessing", "Traps"]
    assert len(text.splitlines()) <= LONGEST_LINES


def test_every_guide_is_listed_and_every_link_leads_somewhere() -> None:
    text = INDEX.read_text(encoding="utf-8")
    linked = {(INDEX.parent / target).resolve() for target in re.findall(r"\]\(([^)#:]+)\)", text)}
    assert linked >= set(GUIDES) and len(GUIDES) == 6
    assert all(path.is_file() for path in linked)


def test_options_that_guides_name_in_passing_exist() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (INDEX, *GUIDES))
    theirs = {"--format", "--prototxt", "--caffemodel", "--onnx"}
    named = set(re.findall(r"`(--[a-z0-9-]+)", text)) - theirs
    options = [*(how for _, how in arguments.OPTIONS.values()), *(each.how for each in weights_options.values())]
    # Inside Annotated, typer keeps the first name where a default would be.
    names = [name for option in options for name in (option.default, *(option.param_decls or ()))]
    known = {part.strip() for name in names if isinstance(name, str) for part in name.split("/")}
    assert len(named) >= 6
    assert named - known == set()


# What guides say of others, where the other is here to ask


@pytest.mark.usefixtures("folder")
def test_what_opencv_was_told_gives_what_the_guide_gets(tiny: Graph) -> None:
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        pytest.skip("this OpenCV has no reader of Caffe files any more")
    image = np.random.default_rng(4).integers(0, 256, (64, 64, 3)).astype(np.uint8)  # as cv2.imread gives it: BGR
    net = cv2.dnn.readNetFromCaffe("deploy.prototxt", "weights.caffemodel")
    net.setInput(cv2.dnn.blobFromImage(image, 1.0, (64, 64), MEAN))
    fed = (image.astype(np.float32) - np.float32(MEAN)).transpose(2, 0, 1)[None]
    values = tiny.run({"data": fed})
    assert np.abs(net.forward("fc8") - values["fc8"]).max() < 1e-4 * np.abs(values["fc8"]).max()
    swapped = cv2.dnn.blobFromImage(image, 0.5, (64, 64), MEAN[::-1], swapRB=True)
    told = 0.5 * (image[:, :, ::-1].astype(np.float32) - MEAN[::-1]).transpose(2, 0, 1)[None]
    assert np.allclose(swapped, told, atol=1e-4)


def test_rows_left_in_caffes_order_answer_wrongly(tiny: Graph) -> None:
    """The trap of the guide from caffe_weight_converter: a Flatten of channels-last values, and rows not turned."""
    pool5 = tiny.node("fc6").inputs[0]
    maps = tiny.run({"data": np.random.default_rng(5).normal(0, 60, (1, 3, 64, 64)).astype(np.float32)})
    flat = maps[pool5].transpose(0, 2, 3, 1).reshape(1, -1)
    fc6 = tiny.node("fc6")
    right, wrong = (flat @ keras_kernel(tiny, fc6, rows_in_order=turned, convolved=False) for turned in (True, False))
    expected = maps["fc6"] - fc6.params["bias"]
    scale = np.abs(expected).max()
    assert np.abs(right - expected).max() < 1e-5 * scale
    assert np.abs(wrong - expected).max() > 0.1 * scale
