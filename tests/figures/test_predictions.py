import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score

from figures.drawn import SPACE, Recorded, sample
from gequnet.figures import plot_predictions, predictions, views


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("classes", "overlapping"), [(1, False), (3, False), (3, True)])
def test_predictions_of_every_kind_are_a_picture(tmp_path, channels, classes, overlapping):
    out = tmp_path / "predictions.png"
    plot_predictions([sample(channels, classes, overlapping)], out)
    with Image.open(out) as picture:
        assert picture.size[0] > 2000


def test_the_overlay_has_the_colours_of_right_wrong_and_missed(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, predictions)
    mask, preds = torch.tensor([[1, 0, 1, 0, 1]]), torch.tensor([[[0.9, 0.9, 0.1, 0.1, 0.9]]])
    valid = torch.tensor([[True, True, True, True, False]])
    image = torch.tensor([[[0.0, 1.0, 2.0, 3.0, 9.0]]])
    plot_predictions(
        [{"image": image, "mask": mask, "valid": valid, "probabilities": preds, "id": "a"}], tmp_path / "p.png"
    )
    shown, truth, prediction, overlay = recorded.pictures()
    np.testing.assert_array_equal(truth[0, :, 0], [1, 0, 1, 0, 1])
    np.testing.assert_array_equal(prediction[0, :, 0], [1, 1, 0, 0, 1])
    np.testing.assert_allclose(overlay[0, 0], views.RIGHT)
    np.testing.assert_allclose(overlay[0, 1], views.WRONG)
    np.testing.assert_allclose(overlay[0, 2], views.MISSED)
    np.testing.assert_allclose(overlay[0, 3], [0.5] * 3)
    np.testing.assert_allclose(overlay[0, 4], views.UNSCORED)
    assert (shown[0, 0, 0], shown[0, 3, 0]) == (0, 1)
    assert recorded.figure.axes[3].get_xlabel() == "Dice 0.500"


def test_every_row_has_the_name_and_the_dice_of_its_sample(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, predictions)
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
    recorded = Recorded(monkeypatch, predictions)
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
