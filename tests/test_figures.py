import csv
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score

from gequnet import figures
from gequnet.figures import plot_curves, plot_predictions

SPACE = (24, 20)


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


def sample(channels=1, classes=1, overlapping=False, space=SPACE, name="image-1"):
    generator = torch.Generator().manual_seed(0)
    preds = torch.rand(classes, *space, generator=generator)
    shape = (classes, *space) if overlapping else space
    return {
        "image": torch.randn(channels, *space, generator=generator),
        "mask": torch.randint(0, 2 if overlapping or classes == 1 else classes, shape, generator=generator),
        "valid": torch.rand(space, generator=generator) < 0.7,
        "probabilities": preds if overlapping or classes == 1 else preds / preds.sum(0),
        "id": name,
    }


class Recorded:
    """Keeps the figure that would have been saved."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr(figures, "_save", lambda figure, out: setattr(self, "figure", figure))

    def pictures(self):
        return [np.asarray(axes.images[0].get_array()) for axes in self.figure.axes]


def test_curves_are_a_picture_that_needs_neither_screen_nor_main_thread(tmp_path):
    arguments = (history(tmp_path / "history.csv"), tmp_path / "new" / "curves.png")
    thread = threading.Thread(target=plot_curves, args=arguments)
    thread.start()
    thread.join()
    with Image.open(arguments[1]) as picture:
        assert picture.size[0] > 1500
        assert len(picture.convert("RGB").getcolors(10**6)) > 20


def test_curves_show_what_the_history_holds(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch)
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
    recorded = Recorded(monkeypatch)
    plot_curves(written(tmp_path / "h.csv", [{"step": 1, "epoch": 0, "train/loss": 2.0}]), tmp_path / "curves.png")
    assert [axes.get_title() for axes in recorded.figure.axes] == ["loss"]


def test_curves_of_nothing_say_so(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch)
    plot_curves(written(tmp_path / "h.csv", []), tmp_path / "curves.png")
    assert recorded.figure.texts[0].get_text() == "nothing was logged"


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("classes", "overlapping"), [(1, False), (3, False), (3, True)])
def test_predictions_of_every_kind_are_a_picture(tmp_path, channels, classes, overlapping):
    out = tmp_path / "predictions.png"
    plot_predictions([sample(channels, classes, overlapping)], out)
    with Image.open(out) as picture:
        assert picture.size[0] > 2000


def test_the_overlay_has_the_colours_of_right_wrong_and_missed(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch)
    mask, preds = torch.tensor([[1, 0, 1, 0, 1]]), torch.tensor([[[0.9, 0.9, 0.1, 0.1, 0.9]]])
    valid = torch.tensor([[True, True, True, True, False]])
    image = torch.tensor([[[0.0, 1.0, 2.0, 3.0, 9.0]]])
    plot_predictions(
        [{"image": image, "mask": mask, "valid": valid, "probabilities": preds, "id": "a"}], tmp_path / "p.png"
    )
    shown, truth, prediction, overlay = recorded.pictures()
    np.testing.assert_array_equal(truth[0, :, 0], [1, 0, 1, 0, 1])
    np.testing.assert_array_equal(prediction[0, :, 0], [1, 1, 0, 0, 1])
    np.testing.assert_allclose(overlay[0, 0], figures.RIGHT)
    np.testing.assert_allclose(overlay[0, 1], figures.WRONG)
    np.testing.assert_allclose(overlay[0, 2], figures.MISSED)
    np.testing.assert_allclose(overlay[0, 3], [0.5] * 3)
    np.testing.assert_allclose(overlay[0, 4], figures.UNSCORED)
    assert (shown[0, 0, 0], shown[0, 3, 0]) == (0, 1)
    assert recorded.figure.axes[3].get_xlabel() == "Dice 0.500"


def test_every_row_has_the_name_and_the_dice_of_its_sample(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch)
    samples = [sample(3, name=f"image-{index}") for index in range(3)]
    plot_predictions(samples, tmp_path / "p.png")
    assert len(recorded.figure.axes) == 12
    for index, case in enumerate(samples):
        inside = case["valid"]
        expected = f1_score(case["mask"][inside].numpy(), case["probabilities"][0][inside].numpy() > 0.5)
        first, *_, last = recorded.figure.axes[4 * index : 4 * index + 4]
        assert first.get_ylabel() == f"image-{index}"
        assert last.get_xlabel() == f"Dice {expected:.3f}"
    legend = [text.get_text() for text in recorded.figure.legends[0].get_texts()]
    assert legend == ["true positive", "false positive", "false negative", "not scored"]


def test_of_a_volume_the_slice_with_the_most_foreground_is_shown(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch)
    case = sample(1, space=(6, *SPACE))
    case["mask"] = torch.zeros(6, *SPACE, dtype=torch.long)
    case["mask"][4, 5:9, 5:9] = 1
    case["valid"] = torch.ones(6, *SPACE, dtype=torch.bool)
    plot_predictions([case], tmp_path / "p.png")
    truth = recorded.pictures()[1]
    np.testing.assert_array_equal(truth[..., 0], case["mask"][4])


def test_a_constant_image_without_foreground_can_be_drawn(tmp_path):
    case = sample()
    case |= {"image": torch.zeros(1, *SPACE), "mask": torch.zeros(SPACE, dtype=torch.long)}
    plot_predictions([case], tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 0
