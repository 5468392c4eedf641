"""Figures of a comparison: they draw the given values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gequnet.figures import (
    Difference,
    differences,
    orientation,
    panel,
    pareto,
    patches,
    plot_differences,
    plot_orientation,
    plot_panel,
    plot_pareto,
    plot_patches,
    plot_scales,
    plot_trainings,
    scales,
    trainings,
    views,
)
from gequnet.figures.pareto import pareto_front
from gequnet.figures.style import line_style
from helpers.drawn_samples import Recorded, sample

NAN = float("nan")
numbers = st.integers(0, 5).map(float)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12))
def test_the_front_is_what_no_point_beats(points):
    costs, scores = (np.array(each) for each in zip(*points, strict=True))
    expected = [
        not any(c <= cost and s >= score and (c, s) != (cost, score) for c, s in points) for cost, score in points
    ]
    assert pareto_front(costs, scores).tolist() == expected


def test_a_network_without_a_cost_is_not_on_the_front():
    assert pareto_front(np.array([NAN, 1.0]), np.array([0.9, 0.5])).tolist() == [False, True]


def test_pareto_has_a_panel_for_each_cost_and_draws_the_front(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, pareto)
    scores = {"a": (0.5, NAN), "b": (0.7, 0.01), "c": (0.6, 0.02)}
    plot_pareto(scores, {"price": {"a": 1.0, "b": 4.0, "c": 8.0}, "time": {"a": 2.0, "b": 1.0, "c": NAN}}, tmp_path)
    price, time = recorded.figure.axes
    assert [axes.get_xlabel() for axes in (price, time)] == ["price", "time"]
    front = price.get_lines()[-1]
    assert (front.get_xdata().tolist(), front.get_ydata().tolist()) == ([1, 4], [0.5, 0.7])
    assert time.get_lines()[-1].get_xdata().tolist() == [1]
    assert [text.get_text() for text in recorded.figure.legends[0].get_texts()] == ["a", "b", "c"]


def test_trainings_are_means_with_bands(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, trainings)

    def table(level):
        return pd.DataFrame({"train/loss": [level] * 4, "val/loss": [NAN, level, NAN, 2 * level]}, index=[1, 2, 3, 4])

    plot_trainings({"averaged": [], "a": [table(1.0), table(3.0)], "b": [table(5.0)]}, tmp_path)
    training, validation = recorded.figure.axes
    a, b = validation.get_lines()
    np.testing.assert_array_equal(a.get_xdata(), [2, 4])
    np.testing.assert_allclose(a.get_ydata(), [2, 4])
    np.testing.assert_allclose(b.get_ydata(), [5, 10])
    colours = line_style(1)["color"], line_style(2)["color"]  # that of the first stays unused
    assert (a.get_color(), b.get_color()) == colours
    [band] = training.collections  # of the one with two seeds: 2 ± √2
    heights = band.get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [2 - 2**0.5, 2 + 2**0.5])


def test_losses_of_very_different_size_are_on_a_logarithmic_axis(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, trainings)
    table = pd.DataFrame({"train/loss": [1.0, 0.9], "val/loss": [900.0, 1.0]}, index=[1, 2])
    plot_trainings({"a": [table]}, tmp_path)
    assert [axes.get_yscale() for axes in recorded.figure.axes] == ["linear", "log"]


def test_directions_are_axial_and_bins_of_fifteen_degrees():
    centres, means, errors = orientation.bin_means(np.array([0.0, 180.0, 14.9, 15.0, -1.0]), np.arange(5.0))
    np.testing.assert_allclose(centres, np.arange(7.5, 180, 15))
    assert means[0] == 1.0  # 0, 1 and 2
    assert (means[1], means[11]) == (3.0, 4.0)
    assert errors[0] == pytest.approx(1 / 3**0.5)
    assert np.isnan(errors[1])
    assert np.isnan(means[2:11]).all()


def test_orientation_has_a_line_for_each_network(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, orientation)
    degrees = np.linspace(0, 179, 36)
    plot_orientation({"a": degrees, "b": degrees}, {"a": degrees / 180, "b": degrees * NAN}, tmp_path / "o.png")
    [axes] = recorded.figure.axes
    a = axes.containers[0].lines[0]
    assert np.all(np.diff(a.get_ydata()) > 0)
    assert axes.get_xlim() == (0, 180)


def test_patches_are_in_order_on_a_logarithmic_axis(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, patches)
    plot_patches({"a": [(200, 0.7, 0.1), (20, 0.5, NAN)], "b": [(20, 0.6, 0.1)]}, tmp_path / "p.png")
    [axes] = recorded.figure.axes
    line = axes.containers[0].lines[0]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([20, 200], [0.5, 0.7])
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["20", "200"]
    assert axes.get_xlabel() == "training patches"
    plot_patches({"a": [(10, 0.7, NAN)]}, tmp_path / "i.png", of="images")
    assert recorded.figure.axes[0].get_xlabel() == "training images"


def test_scales_have_a_line_for_each_network_and_the_truth_beside_agreement(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, scales)
    dice = {"a": [(1.6, 0.6, 0.1), (0.6, 0.7, NAN)], "b": [(1.0, 0.8, 0.1)]}
    agreement = {"a": [(0.6, 0.9, 0.1), (1.6, 0.8, 0.1)]}
    plot_scales(dice, agreement, [(1.6, 0.95), (0.6, 0.97)], tmp_path / "s.png")
    left, right = recorded.figure.axes
    line = left.containers[0].lines[0]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([0.6, 1.6], [0.7, 0.6])
    assert left.get_xscale() == "log"
    recorded.figure.canvas.draw()
    assert [text.get_text() for text in left.get_xticklabels()] == ["0.6", "1", "1.6"]
    truth = right.get_lines()[-1]
    assert (truth.get_label(), truth.get_ydata().tolist()) == ("truth", [0.97, 0.95])


def test_differences_show_interval_mean_and_verdict(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, differences)
    lines = [
        Difference("C8 - U-Net", 0.02, 0.01, 0.03, "better", np.array([0.0, 0.04])),
        Difference("D4 - U-Net", -0.02, NAN, NAN, "no difference shown", np.array([-0.02])),
    ]
    plot_differences(lines, tmp_path / "d.png")
    [axes] = recorded.figure.axes
    zero, dots, span, mean, *_ = axes.get_lines()
    assert zero.get_xdata() == [0, 0]
    assert list(dots.get_xdata()) == [0.0, 0.04]
    assert list(span.get_xdata()) == [0.01, 0.03]
    assert list(mean.get_xdata()) == [0.02]
    assert mean.get_color() == differences.COLOURS["better"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["C8 - U-Net", "D4 - U-Net"]
    low, high = axes.get_ylim()
    assert low > high  # from top to bottom


def test_the_panel_has_a_column_for_each_image_and_a_row_for_each_network(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, panel)
    images = [sample(3, name=name) for name in ("one", "two")]
    other = [image | {"probabilities": 1 - image["probabilities"]} for image in images]
    plot_panel({"U-Net": images, "C8": other}, tmp_path / "p.png")
    axes = recorded.figure.axes
    assert len(axes) == (2 + 2) * 2
    assert [each.get_title() for each in axes[:2]] == ["one", "two"]
    assert [axes[index].get_ylabel() for index in (0, 2, 4, 6)] == ["image", "truth", "U-Net", "C8"]
    pictures = recorded.pictures()
    np.testing.assert_array_equal(pictures[2], views.Views.of(images[0]).truth)
    np.testing.assert_array_equal(pictures[7], views.Views.of(other[1]).overlay)
    assert axes[6].get_xlabel() == f"Dice {views.Views.of(other[0]).dice:.3f}"


def test_every_picture_is_a_file(tmp_path):
    plot_pareto({"a": (0.5, NAN)}, {"price": {"a": 1.0}}, tmp_path / "pareto.png")
    plot_trainings({"a": [pd.DataFrame({"val/loss": [1.0, 0.5]}, index=[1, 2])]}, tmp_path / "curves.png")
    plot_patches({"a": [(20, 0.5, NAN), (200, 0.6, 0.1)]}, tmp_path / "patches.png")
    plot_differences([Difference("a", 0.1, 0.0, 0.2, "worse", np.array([0.1]))], tmp_path / "differences.png")
    plot_orientation({"a": np.array([1.0])}, {"a": np.array([0.5])}, tmp_path / "orientation.png")
    plot_panel({"a network with a long name, tested with D4 averaging": [sample()]}, tmp_path / "panel.png")
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as picture:
            assert picture.size[0] > 400
    assert len(list(tmp_path.glob("*.png"))) == 6


def test_eighteen_looks_differ():
    assert len({tuple(line_style(index).values()) for index in range(18)}) == 18
    assert line_style(18) == line_style(0)
