import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from gequnet.figures import contours, plot_contours
from gequnet.figures.contours import COLOURS, outlines
from gequnet.figures.views import CLASSES
from helpers.drawn_samples import SPACE, Recorded, sample


def lines_of(axes):
    """Lines of axes by their colour, those of the truth first; dark halos lie below them."""
    found = {}
    for drawn in axes.collections:
        if to_rgb(drawn.get_colors()[0]) != (0, 0, 0):
            found.setdefault(to_rgb(drawn.get_colors()[0]), []).extend(drawn.get_segments())
    return found


def test_the_outline_of_a_disc_is_a_circle_between_the_pixels():
    y, x = np.mgrid[:40, :50] - np.array([18.3, 21.7])[:, None, None]
    (line,) = outlines(9.2 - np.hypot(x, y))
    assert np.array_equal(line[0], line[-1])
    radii = np.hypot(line[:, 0] - 21.7, line[:, 1] - 18.3)
    np.testing.assert_allclose(radii, 9.2, atol=0.02)


def test_a_line_ends_where_the_picture_or_its_valid_part_ends():
    field = np.broadcast_to(np.arange(8.0)[:, None] - 3.25, (8, 10)).copy()
    (line,) = outlines(field)
    np.testing.assert_allclose(line[:, 1], 3.25)
    assert sorted(line[[0, -1], 0]) == [0, 9]
    valid = np.ones((8, 10), dtype=bool)
    valid[:, :4] = False
    (line,) = outlines(field, valid)
    assert line[:, 0].min() == 4


def test_pixels_that_share_a_corner_are_one_thing():
    assert len(outlines(2.0 * np.pad(np.eye(2), 1) - 1)) == 1
    assert len(outlines(2.0 * np.pad(np.eye(2)[::-1], 1) - 1)) == 1


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1)])
def test_of_a_single_line_of_pixels_there_is_no_outline(shape):
    assert outlines(np.ones(shape)) == []


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("classes", "overlapping"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("space", [SPACE, (*SPACE, 5)])
def test_contours_of_every_kind_are_a_picture(tmp_path, channels, classes, overlapping, space):
    head = "sigmoid" if classes == 1 or overlapping else "softmax"
    names = ["a", "b", "c"][: classes - (head == "softmax")]
    plot_contours([sample(channels, classes, overlapping, space)], ["a"], tmp_path / "c.png", head, class_names=names)
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.size[0] > 600
        assert len(picture.convert("RGB").getcolors(10**6)) > 20


def ramp(threshold):
    """Sample with probabilities that rise from left to right; half of the columns are true."""
    preds = torch.linspace(0, 1, 11).expand(1, 6, 11)
    mask = (torch.arange(11) > 7).long().expand(6, 11)
    case = {"image": torch.rand(1, 6, 11), "mask": mask, "valid": mask >= 0, "probabilities": preds, "id": "a"}
    return case, "sigmoid", threshold


@pytest.mark.parametrize("threshold", [0.5, 0.33])
def test_the_prediction_ends_at_the_threshold_and_the_truth_half_way_between_pixels(tmp_path, monkeypatch, threshold):
    recorded = Recorded(monkeypatch, contours)
    case, head, threshold = ramp(threshold)
    plot_contours([case], ["title"], tmp_path / "c.png", head, threshold)
    image, drawn = recorded.figure.axes
    assert image.get_title() == "title"
    assert not image.collections
    lines = lines_of(drawn)
    assert set(lines) == {to_rgb(colour) for colour in COLOURS.values()}
    ((truth,), (prediction,)) = (lines[to_rgb(COLOURS[name])] for name in ("truth", "prediction"))
    np.testing.assert_allclose(truth[:, 0], 7.5)
    np.testing.assert_allclose(prediction[:, 0], 10 * threshold, atol=1e-5)
    assert [text.get_text() for text in recorded.figure.legends[0].get_texts()] == ["truth", "prediction"]


def test_an_image_without_truth_has_one_line_and_one_legend(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, contours)
    case, head, _ = ramp(0.5)
    del case["mask"]
    plot_contours([case], ["title"], tmp_path / "c.png", head)
    assert set(lines_of(recorded.figure.axes[1])) == {to_rgb(COLOURS["prediction"])}
    assert [text.get_text() for text in recorded.figure.legends[0].get_texts()] == ["prediction"]


def test_a_class_of_a_softmax_ends_where_another_becomes_likelier(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, contours)
    # Over eleven columns: background falls from .8 to .1, left rises from .1 to .5, right from .1 to .4.
    share = torch.linspace(0, 1, 11)
    preds = torch.stack([0.8 - 0.7 * share, 0.1 + 0.4 * share, 0.1 + 0.3 * share])[:, None].expand(3, 6, 11)
    case = ramp(0.5)[0] | {"probabilities": preds}
    plot_contours([case], ["title"], tmp_path / "c.png", "softmax", class_names=["left", "right"])
    lines = lines_of(recorded.figure.axes[1])
    # Left becomes the likeliest at .8 - .7 s = .1 + .4 s, with .35 and not .5; right never does.
    truth, prediction = lines[to_rgb(CLASSES[0])]
    assert not lines[to_rgb(CLASSES[1])]
    np.testing.assert_allclose(truth[:, 0], 7.5)
    np.testing.assert_allclose(prediction[:, 0], 10 * 0.7 / 1.1, atol=1e-4)
    legend = [text.get_text() for text in recorded.figure.legends[0].get_texts()]
    assert legend == ["truth", "prediction", "left", "right"]


def test_of_a_volume_the_slice_with_the_most_truth_is_drawn_in_its_proportions(tmp_path, monkeypatch):
    recorded = Recorded(monkeypatch, contours)
    case = sample(1, space=(*SPACE, 6)) | {"spacing": torch.tensor([0.5, 1.5, 7.0])}
    case["valid"] = torch.ones(*SPACE, 6, dtype=torch.bool)
    case["mask"] = torch.zeros(*SPACE, 6, dtype=torch.long)
    case["mask"][5:9, 2:5, 4] = 1
    plot_contours([case], ["title"], tmp_path / "c.png", "sigmoid")
    (truth,) = lines_of(recorded.figure.axes[1])[to_rgb(COLOURS["truth"])]
    depth = SPACE[1]
    assert (truth.min(0).tolist(), truth.max(0).tolist()) == ([4.5, depth - 5.5], [8.5, depth - 2.5])
    assert recorded.figure.axes[1].get_aspect() == 3


def test_nothing_found_and_nothing_there_can_be_drawn(tmp_path):
    case = sample() | {"mask": torch.zeros(SPACE, dtype=torch.long), "probabilities": torch.zeros(1, *SPACE)}
    plot_contours([case], ["empty"], tmp_path / "c.png", "sigmoid")
    assert (tmp_path / "c.png").stat().st_size > 0
