"""Slices of volumes, and samples packed into arrays."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from gequnet.figures.samples import dice_of, pack_sample, slice_of, truth_size, unpack_sample
from gequnet.metrics.segmentation import SegmentationMetrics
from helpers.drawn_samples import sample

SPACE = (9, 8, 7)
KINDS = pytest.mark.parametrize(("classes", "overlapping"), [(1, False), (3, False), (3, True)])


def volume(classes=1, overlapping=False):
    case = sample(2, classes, overlapping, SPACE)
    return case | {"spacing": torch.tensor([1.0, 2.0, 3.0]), "valid": torch.ones(SPACE, dtype=torch.bool)}


@KINDS
def test_a_slice_is_a_plane_of_the_volume_and_has_the_dice_of_the_volume(classes, overlapping):
    case = volume(classes, overlapping)
    foreground = case["mask"].any(0) if overlapping else case["mask"] > 0
    best = int(foreground.sum((0, 1)).argmax())
    cut = slice_of(case)
    assert cut["slice"].tolist() == [best + 1, SPACE[2]]
    for part in ("image", "mask", "valid", "probabilities"):
        assert torch.equal(cut[part].flip(-2).transpose(-1, -2), case[part][..., best])
    assert cut["spacing"].tolist() == [2, 1]  # down, across
    each = []
    for index in range(classes):
        if overlapping or classes == 1:
            found = case["probabilities"][index] > 0.5
            wanted = case["mask"][index] if overlapping else case["mask"]
        elif index > 0:
            found, wanted = case["probabilities"].argmax(0) == index, case["mask"] == index
        else:
            continue
        each.append(f1_score(wanted.flatten().numpy(), found.flatten().numpy()))
    assert dice_of(cut) == dice_of(case) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("labels", [(1, 2, 3, 4), (0, 1), (0, 4), (0,)])
@pytest.mark.parametrize("overlapping", [False, True])
def test_the_dice_of_a_sample_is_that_of_the_test_whatever_classes_are_absent(labels, overlapping):
    case = sample(1, 5, overlapping)
    if overlapping:
        absent = [k for k in range(5) if k not in labels]
        case["mask"][absent], case["probabilities"][absent] = 0, 0.0
    else:
        case["mask"] = torch.tensor(labels)[case["mask"] % len(labels)]
        guess = torch.tensor(labels)[case["probabilities"].argmax(0) % len(labels)]
        case["probabilities"] = torch.nn.functional.one_hot(guess, 5).movedim(-1, 0).float()
    names = [f"class {k}" for k in range(5)]
    metrics = SegmentationMetrics(5, "sigmoid" if overlapping else "softmax", names, fov=False, full=False)
    logits = case["probabilities"].logit(eps=1e-6) if overlapping else 10 * case["probabilities"]
    metrics.update(logits[None], case["mask"][None], case["valid"][None], ["a"])
    assert dice_of(case) == pytest.approx(metrics.compute()["dice"])


def test_the_prediction_does_not_choose_the_slice():
    case = volume()
    chosen = slice_of(case)["slice"]
    for preds in (torch.zeros(1, *SPACE), torch.ones(1, *SPACE), torch.rand(1, *SPACE)):
        assert torch.equal(slice_of(case | {"probabilities": preds})["slice"], chosen)


def test_without_truth_it_is_the_slice_in_the_middle():
    assert slice_of(volume() | {"mask": torch.zeros(SPACE, dtype=torch.long)})["slice"].tolist() == [4, 7]


def test_the_size_of_the_truth_is_a_volume():
    case = volume(3, True)
    voxels = int(case["mask"].any(0).sum())
    assert truth_size(case) == 6 * voxels
    del case["spacing"]
    assert truth_size(case) == voxels
    assert truth_size(case | {"valid": torch.zeros(SPACE, dtype=torch.bool)}) == 0


@KINDS
@pytest.mark.parametrize("cut", [True, False])
def test_what_is_packed_comes_back(classes, overlapping, cut):
    case = slice_of(volume(classes, overlapping)) if cut else sample(2, classes, overlapping)
    arrays = pack_sample(case)
    back = unpack_sample("image-1", arrays)
    assert set(back) == set(case)
    assert sum(array.nbytes for array in arrays.values()) <= 9 * case["valid"].numel() + 32
    for part in ("mask", "valid", "id", "slice", "spacing", "dice"):
        assert part not in case or np.all(np.asarray(back[part]) == np.asarray(case[part]))
    torch.testing.assert_close(back["probabilities"], case["probabilities"], rtol=0, atol=0.5 / 255 + 1e-6)
    low, high = np.percentile(case["image"][:, case["valid"]].numpy(), (1, 99))
    stretched = ((case["image"] - low) / (high - low)).clamp(0, 1)
    torch.testing.assert_close(back["image"], stretched.float(), rtol=0, atol=0.5 / 255 + 1e-6)


def test_without_a_valid_pixel_the_image_can_be_packed():
    case = sample() | {"valid": torch.zeros(24, 20, dtype=torch.bool)}
    assert pack_sample(case)["image"].max() == 255
