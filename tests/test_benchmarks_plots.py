"""Pictures: what is on them, the same bytes every time, and reasons for what cannot be drawn."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import bench_records as records
from benchmarks.errors import UsageError
from benchmarks.plots.axes import plain_ticks
from benchmarks.plots.drawing import pictures, write_pictures
from benchmarks.plots.faithful import Point, faithful, unbeaten
from benchmarks.plots.latency import latency
from benchmarks.plots.measures import COSINE, FLOOR, OTHER_ANSWERS, measures
from benchmarks.plots.peak import share_of_peak
from benchmarks.plots.samples import rounds_of
from benchmarks.plots.series import block_name, blocks, file_name, heading, sweeps
from benchmarks.plots.throughput import throughput
from benchmarks.records.result import Result
from benchmarks.statistics.assembly import rows as rows_of
from benchmarks.statistics.rows import Disagreement, Estimate, Row, Score
from converters.errors import ConversionError
from heads.reports.figures.picture import DARK, LIGHT, Paper, Picture, render


@pytest.fixture(scope="module")
def suite() -> list[Result]:
    return [result for result in records.suite() if result.scenario != "accuracy"]


@pytest.fixture(scope="module")
def rows(suite: list[Result]) -> list[Row]:
    return rows_of(suite)


def row(label: str, median: float | None, **fields: Any) -> Row:
    told: dict[str, Any] = {
        "model": "vgg", "runner": label, "version": "1.0", "call_path": "run", "device": "cpu", "provider": "",
        "precision": "fp32-strict", "threads": 2, "batch": 1, "machine": "box", "label": label,
        **({"median_ms": Estimate(median, median * 0.99, median * 1.01, 5)} if median else {}), **fields,
    }  # fmt: skip
    return Row(**told)


def figure_of(picture: Picture, paper: Paper = LIGHT) -> Figure:
    figure = Figure(figsize=picture.size, layout="constrained")
    FigureCanvasAgg(figure)
    picture.draw(figure, paper)
    return figure


def words(figure: Figure) -> str:
    """Every text on a picture, of those that are drawn."""
    from matplotlib.text import Text  # noqa: PLC0415 - the name is used here only

    figure.draw_without_rendering()
    return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible())


def test_every_raw_sample_is_drawn_in_the_lane_of_its_round(suite: list[Result], rows: list[Row]) -> None:
    block = blocks(rows)[0]
    rounds = rounds_of(suite, block)
    named = dict(zip([each.label for each in block], rounds, strict=True))
    assert [len(part) for part in named["torch:eager"]] == [64] * 5
    assert named["keras:call"] == [] and named["numpy:run"] == []
    figure = figure_of(latency(block, rounds))
    (axes,) = figure.axes
    order = [label.get_text() for label in axes.get_yticklabels()]
    assert order == ["opencv:forward", "onnxruntime:run", "openvino:infer", "torch:eager"], "fastest first"
    dots = [collection for collection in axes.collections if len(collection.get_offsets()) == 64]
    assert len(dots) == 4 * 5
    for place, label in enumerate(order):
        own = dots[place * 5 : place * 5 + 5]
        assert [sorted(each.get_offsets()[:, 0]) for each in own] == [sorted(part) for part in named[label]]
        lanes = [each.get_offsets()[0, 1] for each in own]
        assert lanes == sorted(set(lanes)) and all(abs(lane - place) < 0.5 for lane in lanes)
    text = words(figure)
    assert "median, ms" in text and "latency of one call, ms" in text
    assert "Not shown: keras:call (crashed: signal 11); numpy:run (wrong answers: parity failed)." in text


def test_latencies_far_apart_get_a_logarithmic_axis_with_plain_numbers() -> None:
    found = [row("fast", 2.0), row("slow", 400.0)]
    (axes,) = figure_of(latency(found, [[[2.0, 2.1]], [[400.0, 410.0]]])).axes
    assert axes.get_xscale() == "log"
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["2", "5", "10", "20", "50", "100", "200"]
    (near,) = figure_of(latency(found, [[[2.0, 2.1]], [[4.0, 4.1]]])).axes
    assert near.get_xscale() == "linear"


def test_many_samples_do_not_make_a_huge_file() -> None:
    drawn = np.random.default_rng(0).normal(10, 0.1, (5, 3000))
    small, large = ([[list(each[:count]) for each in drawn]] for count in (200, 3000))
    sizes = [len(render(latency([row("torch", 10.0)], rounds), "svg")) for rounds in (small, large)]
    assert sizes[1] < 3 * sizes[0], "fifteen times as many dots"


def test_short_logarithmic_axes_have_ticks_too() -> None:
    (axes,) = (Figure().subplots(),)
    axes.set_yscale("log")
    plain_ticks(axes.yaxis, 58.0, 112.0)
    assert len(axes.get_yticks()) >= 4


def test_throughput_has_one_line_for_each_way_with_its_intervals(rows: list[Row]) -> None:
    (sweep,) = sweeps(rows)
    picture = throughput(sweep)
    (axes,) = figure_of(picture).axes
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names[0] == "opencv:forward" and set(names) == {each.label for each in rows if each.ok}
    for line, name in zip((each.lines[0] for each in axes.containers), names, strict=True):
        own = sorted((each.batch, each.images_per_second.value) for each in rows
                     if each.label == name and each.images_per_second)  # fmt: skip
        assert np.allclose(line.get_ydata(), [value for _, value in own])
        assert np.allclose(line.get_xdata(), [batch for batch, _ in own], rtol=0.05), "moved aside a little"
    assert "keras:call at batch 1 (crashed: signal 11)" in picture.text
    styles = {(each.lines[0].get_color(), each.lines[0].get_marker(), each.lines[0].get_linestyle())
              for each in axes.containers}  # fmt: skip
    assert len(styles) == len(names)


def test_bound_instructions_have_pictures_of_their_own() -> None:
    bound, free = row("torch", 9.0, instructions="avx2"), row("torch", 5.0)
    assert [len(block) for block in blocks([bound, free])] == [len(part) for part in sweeps([bound, free])] == [1, 1]
    names = [block_name("latency", each) for each in (free, bound)]
    assert names == ["latency-vgg-box-cpu-2-1", "latency-vgg-box-cpu-2-avx2-1"]
    assert heading(bound) == "vgg, batch 1, cpu, 2 threads, avx2, box"
    assert heading(free, batch=False) == "vgg, cpu, 2 threads, box"


def test_throughput_over_one_batch_is_no_picture(rows: list[Row]) -> None:
    with pytest.raises(ValueError, match="needs rows of two batch sizes"):
        throughput([each for each in rows if each.batch == 8])


def test_twenty_ways_are_told_apart_by_colour_marker_or_style() -> None:
    speed = Estimate(10.0, 9.0, 11.0, 5)
    many = [row(f"r{place:02}", 1.0, batch=batch, images_per_second=speed) for place in range(20) for batch in (1, 8)]
    (axes,) = figure_of(throughput(many)).axes
    lines = [each.lines[0] for each in axes.containers]
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}) == 20


def test_shares_of_peak_are_sorted_and_spelled_with_their_intervals(rows: list[Row]) -> None:
    figure = figure_of(share_of_peak(blocks(rows)[0]))
    (axes,) = figure.axes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == sorted(widths, reverse=True) and 9 < widths[0] < 11
    assert axes.get_xlim()[1] > 100, "the peak itself is on the picture"
    assert re.search(r"^9\.\d+ \[9\.\d+, 9\.\d+\]$", words(figure), re.MULTILINE)
    with pytest.raises(ValueError, match="no row has a share"):
        share_of_peak([row("torch", 1.0)])


def test_the_line_goes_through_what_is_unbeaten() -> None:
    def point(label: str, latency_ms: float, quality: float) -> Point:
        return Point(label, Estimate(latency_ms), Estimate(quality))

    points = [point("a", 1, 0.5), point("b", 2, 0.4), point("c", 3, 0.9), point("d", 4, 0.9), point("e", 5, 0.1)]
    assert [each.label for each in unbeaten(points, COSINE)] == ["a", "b", "e"]
    accuracy = measures([row("x", 1.0, scores=(Score("accuracy", Estimate(0.9), head="svm"),))])[0]
    assert [each.label for each in unbeaten(points, accuracy)] == ["a", "c"]


def test_accuracy_over_latency_numbers_and_lists_its_rows() -> None:
    found = [
        row("int8", 50.0, scores=(Score("accuracy", Estimate(0.93, 0.9, 0.95, 600), head="svm"),)),
        row("fp32", 100.0, scores=(Score("accuracy", Estimate(0.95, 0.93, 0.97, 600), head="svm"),)),
        row("other", 101.0, scores=(Score("accuracy", Estimate(0.95, 0.93, 0.97, 600), head="svm"),)),
        row("broken", None, ok=False, verdict="crashed", reason="signal 11"),
    ]
    (accuracy, *_) = measures(found)
    picture = faithful(found, accuracy)
    figure = figure_of(picture)
    text = words(figure)
    assert "accuracy of svm, %" in text and "1  int8\n     50.0 ms, 93.0 %" in text and "3  other" in text
    assert "Not shown: broken (crashed: signal 11)." in text
    step = figure.axes[0].lines
    front = next(line for line in step if line.get_drawstyle() == "steps-post")
    assert list(front.get_xdata())[:2] == [50.0, 100.0] and list(front.get_ydata()) == [93.0, 95.0, 95.0]
    assert picture.name == "accuracy_svm-vgg-box-cpu-2-1"


def test_equal_losses_are_drawn_and_none_at_all_lies_on_the_floor() -> None:
    found = [row("a", 1.0, cosine=1.0, disagreement=Disagreement(0, 32, 0.0, 893.0)),
             row("b", 2.0, cosine=1.0, disagreement=Disagreement(0, 32, 0.0, 893.0))]  # fmt: skip
    axes = figure_of(faithful(found, COSINE)).axes[0]
    low, high = axes.get_ylim()
    assert low < FLOOR < high and axes.get_yscale() == "log"
    low, high = figure_of(faithful(found, OTHER_ANSWERS)).axes[0].get_ylim()
    assert low < 0.0 and high > 893, "the bound is on the picture"
    with pytest.raises(ValueError, match="fewer than two rows have both a latency and: 1 - cosine"):
        faithful([found[0], replace(found[1], cosine=None)], COSINE)


def test_numbers_of_points_do_not_cover_each_other() -> None:
    close = [row(f"r{place}", 100.0 + place / 4, cosine=1.0) for place in range(8)]
    axes = figure_of(faithful(close, COSINE)).axes[0]
    spots = [text.get_position() for text in axes.texts]
    points = np.array([axes.transData.transform(text.xy) * 72 / axes.figure.dpi for text in axes.texts])
    spots = points + np.array(spots)
    apart = np.abs(spots[:, None] - spots[None])[~np.eye(len(spots), dtype=bool)]
    assert ((apart[:, 0] > 8) | (apart[:, 1] > 8)).all()


def test_what_cannot_be_drawn_is_told(suite: list[Result]) -> None:
    alone = [result for result in suite if result.batch == 1 and result.scenario in ("latency", "cold_start")]
    drawn, missing = pictures(alone, rows_of(alone))
    assert [picture.name.split("-")[0] for picture in drawn] == ["latency", "answers", "cosine"]
    place = "tiny, batch 1, cpu, 1 thread, bench-box"
    assert missing == [
        f"peak of {place}: no row has a share of the measured peak",
        f"throughput of {place}: throughput over batch needs rows of two batch sizes or more",
    ]
    with pytest.raises(UsageError, match="no picture 'latncy'; did you mean 'latency'\\?; there are latency, "):
        pictures(alone, rows_of(alone), ["latncy"])


def test_pictures_have_the_same_bytes_every_time(suite: list[Result], rows: list[Row]) -> None:
    drawn, _ = pictures(suite, rows, ["latency", "throughput"])
    again, _ = pictures(suite[::-1], rows_of(suite[::-1]), ["latency", "throughput"])
    for one, other in zip(drawn, again, strict=True):
        svg = render(one, "svg")
        assert svg == render(other, "svg") and b"<dc:date>" not in svg
    assert render(drawn[0], "png") == render(again[0], "png") != render(drawn[0], "png", DARK)


def test_files_are_written_whole_with_names_that_any_system_takes(rows: list[Row], tmp_path: Path) -> None:
    drawn = [throughput([replace(each, model="a/b: c?", machine="box") for each in rows])]
    out = tmp_path / "plots"
    files = write_pictures(drawn, out)
    assert [path.name for path in files] == ["throughput-a_b_c-box-cpu-1.png", "throughput-a_b_c-box-cpu-1.svg"]
    assert Image.open(io.BytesIO(files[0].read_bytes())).size == (1350, round(150 * drawn[0].size[1]))
    with pytest.raises(ConversionError, match="is a folder with files in it"):
        write_pictures(drawn, out)
    assert write_pictures(drawn, out, ["svg"], force=True) == [files[1]]
    with pytest.raises(UsageError, match="no format 'pdf'"):
        write_pictures(drawn, tmp_path / "other", ["pdf"])
    assert not (tmp_path / "other").exists()


def test_names_hold_nothing_that_a_shell_minds() -> None:
    assert file_name("x", "NVIDIA H100 (80 GB)", "cuda:0", 1.5, "..") == "x-NVIDIA_H100_80_GB-cuda_0-1.5-x"
