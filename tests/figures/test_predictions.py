import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image
from sklearn.metrics import f1_score

from gequnet.figures import plot_predictions, predictions, views
from helpers.drawn_samples import SPACE, Recorded, sample


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


def test_of_a_volume_the_slice_with_the_most_foreground_is_shown_upright(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, predictions)
    case = sample(1, space=(*SPACE, 6)) | {"spacing": torch.tensor([0.5, 1.5, 7.0])}
    case["mask"] = torch.zeros(*SPACE, 6, dtype=torch.long)
    case["mask"][5:9, 2:4, 4] = 1  # from left to right, near the back
    case["mask"][5:9, 2, 3] = 1
    case["valid"] = torch.ones(*SPACE, 6, dtype=torch.bool)
    plot_predictions([case], tmp_path / "p.png")
    truth = recorded.pictures()[1][..., 0]
    width, depth = SPACE
    assert truth.shape == (depth, width)
    assert np.argwhere(truth).min(0).tolist() == [depth - 4, 5]
    assert np.argwhere(truth).max(0).tolist() == [depth - 3, 8]
    assert recorded.figure.axes[0].get_ylabel() == "image-1\nslice 5 of 6"
    assert recorded.figure.axes[0].get_aspect() == 3
    found = case["probabilities"][0].flatten().numpy() > 0.5
    expected = f1_score(case["mask"].flatten().numpy(), found)
    assert recorded.figure.axes[3].get_xlabel() == f"Dice of the volume {expected:.3f}"


def test_overlapping_regions_are_right_missed_or_wrong_each_for_itself(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, predictions)
    # Whole and core of a tumour. Pixels: both right; core missed; core invented; nothing right; whole missed too.
    mask = torch.tensor([[[1, 1, 1, 0, 1]], [[1, 1, 0, 0, 1]]])
    preds = torch.tensor([[[0.9, 0.9, 0.9, 0.1, 0.1]], [[0.9, 0.1, 0.9, 0.1, 0.1]]])
    case = {"image": torch.rand(1, 1, 5), "mask": mask, "valid": torch.ones(1, 5).bool(), "probabilities": preds}
    plot_predictions([case | {"id": "a"}], tmp_path / "p.png")
    _, truth, prediction, overlay = recorded.pictures()
    colours = [views.RIGHT, views.MISSED, views.WRONG, None, views.MISSED]
    for pixel, colour in enumerate(colours):
        if colour is not None:
            np.testing.assert_allclose(overlay[0, pixel], colour)
    whole, core = (to_rgb(colour) for colour in views.CLASSES[:2])
    np.testing.assert_allclose(truth[0], [core, core, whole, (0, 0, 0), core])
    np.testing.assert_allclose(prediction[0], [core, whole, core, (0, 0, 0), (0, 0, 0)])


def test_right_is_greener_than_red_and_both_mistakes_redder_than_green():
    red, green = 0, 1
    assert views.RIGHT[green] > views.RIGHT[red]
    for mistake in (views.WRONG, views.MISSED):
        assert mistake[red] > mistake[green]
    assert not {views.RIGHT, views.WRONG, views.MISSED} & {to_rgb(colour) for colour in views.CLASSES[:3]}


def test_a_constant_image_without_foreground_can_be_drawn(tmp_path):
    case = sample()
    case |= {"image": torch.zeros(1, *SPACE), "mask": torch.zeros(SPACE, dtype=torch.long)}
    plot_predictions([case], tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 0
