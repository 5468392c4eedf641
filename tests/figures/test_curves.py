import csv
import threading

import numpy as np
from PIL import Image

from gequnet.figures import curves, plot_curves
from helpers.drawn_samples import Recorded


def written(path, rows):
    columns = ["step", "epoch", "train/loss", "train/lr", "val/loss", "val/dice", "val/iou", "val/dice/one"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def history(path):
    rows = [{"step": step, "epoch": 0, "train/loss": 1 / step, "train/lr": 0.1} for step in range(1, 60)]
    rows += [{"step": step, "epoch": 0, "val/loss": 1 / step, "val/dice": 1 - 1 / step} for step in (20, 40)]
    return written(path, rows)


def test_curves_are_a_picture_that_needs_neither_screen_nor_main_thread(tmp_path):
    arguments = (history(tmp_path / "history.csv"), tmp_path / "new" / "curves.png")
    thread = threading.Thread(target=plot_curves, args=arguments)
    thread.start()
    thread.join()
    with Image.open(arguments[1]) as picture:
        assert picture.size[0] > 1500
        assert len(picture.convert("RGB").getcolors(10**6)) > 20


def test_curves_show_what_the_history_holds(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, curves)
    plot_curves(history(tmp_path / "history.csv"), tmp_path / "curves.png")
    losses, scores, rate = recorded.figure.axes
    assert [axes.get_title() for axes in (losses, scores, rate)] == ["loss", "validation scores", "learning rate"]
    raw, _, validation = losses.get_lines()
    np.testing.assert_array_equal(raw.get_xdata(), range(1, 60))
    np.testing.assert_array_equal(validation.get_xdata(), [20, 40])
    dice, best = scores.get_lines()
    np.testing.assert_allclose(dice.get_ydata(), [0.95, 0.975])
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (40, 0.975)
    assert rate.get_lines()[0].get_ydata()[0] == 0.1


def test_curves_of_a_training_that_was_never_validated(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, curves)
    plot_curves(written(tmp_path / "h.csv", [{"step": 1, "epoch": 0, "train/loss": 2.0}]), tmp_path / "curves.png")
    assert [axes.get_title() for axes in recorded.figure.axes] == ["loss"]


def test_curves_of_nothing_say_so(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, curves)
    plot_curves(written(tmp_path / "h.csv", []), tmp_path / "curves.png")
    assert recorded.figure.texts[0].get_text() == "nothing was logged"
