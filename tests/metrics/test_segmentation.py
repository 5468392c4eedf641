import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from monai.metrics import DiceMetric
from omegaconf import OmegaConf
from skimage.measure import label
from sklearn.metrics import average_precision_score, f1_score, jaccard_score, precision_score, roc_auc_score
from torchmetrics.segmentation import DiceScore

from gequnet.errors import ConfigError
from gequnet.metrics.cldice import cldice
from gequnet.metrics.instance_ap import instance_ap
from gequnet.metrics.segmentation import SegmentationMetrics
from gequnet.metrics.surface_distances import hd95, surface_dice
from gequnet.metrics.v_info import v_info
from gequnet.metrics.v_rand import v_rand
from helpers.repository import CONF

DEFAULT = CONF / "metrics/default.yaml"
PER_IMAGE = ["dice", "iou", "accuracy", "sensitivity", "specificity", "precision", "balanced_accuracy", "cldice"]
POOLED = ["roc_auc", "pr_auc"]
BINARY = partial(SegmentationMetrics, 1, "sigmoid", ["vessel"])
SOFTMAX = partial(SegmentationMetrics, 3, "softmax", ["background", "anterior", "posterior"], fov=False)
REGIONS = partial(SegmentationMetrics, 3, "sigmoid", ["whole", "core", "enhancing"], fov=False)


def image(head, num_classes, seed, space=(20, 16)):
    """One image as a batch: logits that know something, mask, valid."""
    generator = torch.Generator().manual_seed(seed)
    if head == "softmax":
        mask = torch.randint(0, num_classes, (1, *space), generator=generator)
        hot = torch.nn.functional.one_hot(mask, num_classes).movedim(-1, 1)
    else:
        mask = torch.randint(0, 2, (1, *space) if num_classes == 1 else (1, num_classes, *space), generator=generator)
        hot = mask.reshape(1, num_classes, *space)
    logits = torch.randn(hot.shape, generator=generator) + 2 * hot - 1
    return logits, mask, torch.rand(1, *space, generator=generator) < 0.7


def images(head, num_classes, count=3, **options):
    return {f"image-{seed}": image(head, num_classes, seed, **options) for seed in range(count)}


def filled(metrics, cases):
    for name, case in cases.items():
        metrics.update(*case, [name])
    return metrics


def test_binary_scores_are_those_of_scikit_learn_in_every_region():
    cases, metrics = images("sigmoid", 1), BINARY(fov=True)
    fields = {name: torch.rand(valid.shape) < 0.8 for name, (_, _, valid) in cases.items()}
    for name, case in cases.items():
        metrics.update(*case, [name], field=fields[name])
    scores = metrics.compute()
    for suffix in ("_fov", "_whole", "_whole_masked"):
        each, values, labels = [], [], []
        for name, (logits, mask, valid) in cases.items():
            inside = valid[0] if suffix == "_fov" else torch.ones_like(valid[0])
            shown = logits.sigmoid() * fields[name] if suffix == "_whole_masked" else logits.sigmoid()
            values.append(shown[0, 0][inside].numpy())
            labels.append(mask[0][inside].numpy())
            each.append(f1_score(labels[-1], values[-1] > 0.5))
        assert scores["dice" + suffix] == pytest.approx(np.mean(each), abs=1e-9)
        pooled = np.concatenate(labels), np.concatenate(values)
        assert scores["roc_auc" + suffix] == pytest.approx(roc_auc_score(*pooled), abs=1e-6)
        assert scores["pr_auc" + suffix] == pytest.approx(average_precision_score(*pooled), abs=1e-6)
    assert list(scores) == [
        score + suffix for score in PER_IMAGE + POOLED for suffix in ("_fov", "_whole", "_whole_masked")
    ]


@pytest.mark.parametrize(("make", "head", "num_classes"), [(BINARY, "sigmoid", 1), (SOFTMAX, "softmax", 3)])
def test_without_an_estimated_field_the_masked_prediction_is_that_of_the_network(make, head, num_classes):
    scores = filled(make(fov=True), images(head, num_classes)).compute()
    masked = {name: value for name, value in scores.items() if "_whole_masked" in name}
    assert masked == {name: scores[name.replace("_whole_masked", "_whole")] for name in masked}


def test_outside_the_estimated_field_a_softmax_predicts_the_background():
    logits, mask, valid = image("softmax", 3, seed=0)
    field, metrics = torch.rand(valid.shape) < 0.5, SOFTMAX(fov=True)
    metrics.update(logits, mask, valid, ["a"], field=field)
    labels = torch.where(field, logits.argmax(1), 0)
    assert metrics.compute()["accuracy_whole_masked/anterior"] == pytest.approx(
        ((labels == 1) == (mask == 1)).double().mean().item()
    )


def one_against_the_rest(head, index, logits, mask, valid):
    preds, target = (logits.softmax(1), mask == index) if head == "softmax" else (logits.sigmoid(), mask[:, index] == 1)
    return target[valid], preds[:, index][valid]


@pytest.mark.parametrize(
    ("make", "head", "classes"),
    [
        (SOFTMAX, "softmax", {"anterior": 1, "posterior": 2}),
        (REGIONS, "sigmoid", {"whole": 0, "core": 1, "enhancing": 2}),
    ],
)
@pytest.mark.parametrize(("score", "oracle"), [("roc_auc", roc_auc_score), ("pr_auc", average_precision_score)])
def test_curves_are_pooled_for_each_class_against_the_rest(make, head, classes, score, oracle):
    cases = images(head, 3)
    expected = {}
    for name, index in classes.items():
        pixels = [one_against_the_rest(head, index, *case) for case in cases.values()]
        expected[f"{score}/{name}"] = oracle(*(torch.cat(part).numpy() for part in zip(*pixels, strict=True)))
    expected[score] = np.mean(list(expected.values()))
    scores = filled(make(), cases).compute()
    assert {key: value for key, value in scores.items() if key.startswith(score)} == pytest.approx(expected, abs=1e-6)


def test_softmax_dice_is_what_torchmetrics_says_without_background():
    cases = images("softmax", 3)
    everything = {name: (logits, mask, torch.ones_like(valid)) for name, (logits, mask, valid) in cases.items()}
    scores = filled(SOFTMAX(full=False), everything).compute()
    options = {"include_background": False, "input_format": "index", "aggregation_level": "samplewise"}
    mean, each = DiceScore(3, average="macro", **options), DiceScore(3, average=None, **options)
    for logits, mask, _ in cases.values():
        mean.update(logits.argmax(1), mask)
        each.update(logits.argmax(1), mask)
    assert scores["dice"] == pytest.approx(mean.compute().item(), abs=1e-6)
    for name, expected in zip(["anterior", "posterior"], each.compute().tolist(), strict=True):
        assert scores[f"dice/{name}"] == pytest.approx(expected, abs=1e-6)
    assert "dice/background" not in scores


@pytest.mark.parametrize("space", [(20, 16), (8, 9, 10)])
def test_dice_of_regions_is_what_monai_says(space):
    cases = images("sigmoid", 3, space=space)
    scores = filled(REGIONS(), {k: (z, m, torch.ones_like(v)) for k, (z, m, v) in cases.items()}).compute()
    monai = DiceMetric(ignore_empty=False)
    for logits, mask, _ in cases.values():
        monai(logits > 0, mask)
    assert scores["dice"] == pytest.approx(monai.aggregate().item(), abs=1e-6)
    names = [f"{score}/{name}" for score in PER_IMAGE + POOLED for name in ("whole", "core", "enhancing")]
    assert set(scores) == {*PER_IMAGE, *POOLED, *names}


def test_per_image_scores_average_to_the_means_and_cldice_is_that_of_the_function():
    cases = images("sigmoid", 1)
    metrics = filled(BINARY(fov=False), cases)
    rows = metrics.per_image()
    assert [row["id"] for row in rows] == list(cases)
    means = metrics.compute()
    for score in PER_IMAGE:
        assert means[score] == pytest.approx(np.mean([row[score] for row in rows]))
    for row, (logits, mask, valid) in zip(rows, cases.values(), strict=True):
        expected = cldice(logits[0, 0] > 0, mask[0] == 1, valid[0])
        assert row["cldice"] == pytest.approx(expected.item(), abs=1e-6)


def test_the_cheap_variant_has_the_same_scores_inside_valid():
    cases = images("sigmoid", 1)
    cheap, full = filled(BINARY(fov=True, full=False), cases), filled(BINARY(fov=True), cases)
    scores = cheap.compute()
    assert list(scores) == PER_IMAGE[:-1]
    assert scores == {score: full.compute()[f"{score}_fov"] for score in scores}
    assert list(cheap.per_image()[0]) == ["id", *PER_IMAGE[:-1]]


def test_what_is_outside_valid_changes_nothing_inside():
    logits, mask, valid = image("sigmoid", 1, 0)
    noise = torch.where(valid.unsqueeze(1), logits, -logits), torch.where(valid, mask, 255), valid
    options = {"fov": False}
    assert (
        filled(BINARY(**options), {"a": noise}).compute()
        == filled(BINARY(**options), {"a": (logits, mask, valid)}).compute()
    )


def test_a_batch_is_its_images():
    cases = images("softmax", 3)
    together = SOFTMAX()
    together.update(*(torch.cat(parts) for parts in zip(*cases.values(), strict=True)), list(cases))
    assert together.compute() == filled(SOFTMAX(), cases).compute()
    assert together.per_image() == filled(SOFTMAX(), cases).per_image()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_logits_of_half_precision(dtype):
    logits, mask, valid = image("sigmoid", 1, 0)
    half = logits.to(dtype)
    expected = filled(BINARY(fov=True), {"a": (half.float(), mask, valid)}).compute()
    assert filled(BINARY(fov=True), {"a": (half, mask, valid)}).compute() == expected


def test_the_threshold_is_one_of_probability():
    logits, mask, valid = image("sigmoid", 1, 0)
    scores = filled(BINARY(fov=False, threshold=0.8), {"a": (logits, mask, valid)}).compute()
    expected = f1_score(mask[valid].numpy(), logits[0, 0][valid[0]].sigmoid().numpy() > 0.8)
    assert scores["dice"] == pytest.approx(expected)
    nothing = filled(BINARY(fov=False, full=False), {"a": (torch.zeros_like(logits), mask, valid)}).compute()
    assert nothing["sensitivity"] == 0


def test_an_image_without_valid_pixels_is_left_out_with_a_warning():
    cases = images("sigmoid", 1, 2)
    alone = filled(BINARY(fov=False), {"image-0": cases["image-0"]}).compute()
    logits, mask, valid = cases["image-1"]
    metrics = filled(BINARY(fov=False), cases | {"image-1": (logits, mask, torch.zeros_like(valid))})
    with pytest.warns(UserWarning, match="No pixel is valid in image-1"):
        assert metrics.compute() == alone


@pytest.mark.parametrize("bins", [None, 1000])
@pytest.mark.parametrize(("head", "classes"), [("sigmoid", 1), ("softmax", 2), ("softmax", 4)])
def test_curves_rank_pixels_whose_probability_is_1(head, classes, bins):
    names = [f"class {k}" for k in range(classes)]
    logits, mask, valid = image(head, classes, 0, (60, 60))
    logits = 8 * logits + 20  # of a sigmoid all but a few round to 1
    metrics = filled(
        SegmentationMetrics(classes, head, names, fov=False, curve_bins=bins), {"a": (logits, mask, valid)}
    )
    scores, values = metrics.compute(), logits[0].double()
    for name, oracle in (("roc_auc", roc_auc_score), ("pr_auc", average_precision_score)):
        wanted = []
        for k in metrics.classes.indices:
            others = values[[j for j in range(classes) if j != k]].exp().sum(0).log() if head == "softmax" else 0
            wanted.append(oracle((mask[0] == max(k, 1))[valid[0]], (values[k] - others)[valid[0]]))
        assert scores[name] == pytest.approx(np.mean(wanted), abs=1e-6 if bins is None else 5e-3)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("bins", [None, 100])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("head", "classes"), [("sigmoid", 1), ("softmax", 3)])
def test_logits_that_are_not_finite_have_no_score(head, classes, full, bins, value):
    cases = images(head, classes, 2)
    logits, mask, valid = image(head, classes, 7)
    logits[0, -1, 3, 4] = value
    valid[0, 3, 4] = True
    names = [f"class {k}" for k in range(classes)]
    metrics = filled(
        SegmentationMetrics(classes, head, names, fov=False, full=full, curve_bins=bins),
        cases | {"broken": (logits, mask, valid)},
    )
    with pytest.warns(UserWarning, match="The logits of broken are not finite") as caught:
        means = metrics.compute()
    assert len(caught) == 1
    assert all(np.isnan(value) for value in means.values())
    *others, row = metrics.per_image()
    assert all(np.isnan(value) for name, value in row.items() if name != "id")
    assert all(np.isfinite(row["dice"]) for row in others)


def test_logits_that_are_not_finite_outside_valid_leave_the_scores_inside():
    cases = images("sigmoid", 1, 2)
    expected = filled(BINARY(fov=True), cases).compute()
    logits, mask, valid = cases["image-1"]
    broken = torch.where(valid, logits, torch.nan)
    metrics = filled(BINARY(fov=True), cases | {"image-1": (broken, mask, valid)})
    with pytest.warns(UserWarning, match="image-1 are not finite"):
        means = metrics.compute()
    assert all(np.isnan(value) == ("_whole" in name) for name, value in means.items())
    assert {name: value for name, value in means.items() if "_fov" in name} == pytest.approx(
        {name: value for name, value in expected.items() if "_fov" in name}
    )


@pytest.mark.parametrize("bins", [None, 100])
@pytest.mark.parametrize("label", [0, 1])
def test_a_curve_of_one_class_alone_is_nan_with_a_warning(label, bins):
    logits, mask, valid = image("sigmoid", 1, 0)
    # Outside the field of view there is the other class: the curve of the whole image stays.
    mask = torch.where(valid, label, 1 - label)
    metrics = filled(BINARY(fov=True, curve_bins=bins), {"a": (logits, mask, valid)})
    with pytest.warns(UserWarning, match="needs foreground and background"):
        scores = metrics.compute()
    for score in POOLED:
        assert np.isnan(scores[f"{score}_fov"])
        assert 0 < scores[f"{score}_whole"] < 1


def test_a_class_without_a_curve_is_left_out_of_the_mean():
    logits, mask, valid = image("softmax", 3, 0)
    metrics = filled(SOFTMAX(), {"a": (logits, mask.clamp(max=1), valid)})
    with pytest.warns(UserWarning, match="leave out a class"):
        scores = metrics.compute()
    for score in POOLED:
        assert np.isnan(scores[f"{score}/posterior"])
        assert scores[score] == scores[f"{score}/anterior"]


def of_labels(found, mask, num_classes):
    """A batch of one image in which these labels are predicted, of these true ones."""
    hot = torch.nn.functional.one_hot(torch.tensor([found]), num_classes).movedim(-1, 1)
    labels = torch.tensor([mask])
    return 20.0 * hot - 10, labels, labels >= 0


def test_of_five_classes_those_that_an_image_neither_has_nor_is_said_to_have_are_left_out():
    names = ["background", "cat", "dog", "bird", "fish"]
    metrics = SegmentationMetrics(5, "softmax", names, fov=False)
    cases = {
        "half a cat": of_labels([[1, 0, 0, 0]], [[1, 1, 0, 0]], 5),
        "a dog for a cat": of_labels([[2, 2, 0, 0]], [[1, 1, 0, 0]], 5),
        "nothing": of_labels([[0, 0, 0, 0]], [[0, 0, 0, 0]], 5),
        "missed": of_labels([[0, 0, 0, 0]], [[3, 0, 0, 0]], 5),
    }
    filled(metrics, cases)
    rows = {row["id"]: row for row in metrics.per_image()}
    for score in ("dice", "iou", "sensitivity", "precision", "balanced_accuracy"):
        assert rows["missed"][score] == pytest.approx({"balanced_accuracy": 0.5}.get(score, 0.0))
    assert rows["half a cat"]["dice"] == rows["half a cat"]["dice/cat"] == pytest.approx(2 / 3)
    assert np.isnan([rows["half a cat"][f"{score}/fish"] for score in PER_IMAGE]).all()
    assert rows["a dog for a cat"]["dice"] == rows["a dog for a cat"]["dice/dog"] == 0
    assert rows["nothing"]["dice"] == rows["nothing"]["cldice"] == rows["nothing"]["dice/fish"] == 1
    with pytest.warns(UserWarning, match="leave out a class"):
        scores = metrics.compute()
    assert scores["dice"] == pytest.approx(np.mean([row["dice"] for row in rows.values()]))
    assert scores["dice/cat"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert scores["dice/dog"] == pytest.approx((0 + 1) / 2)
    assert scores["dice/fish"] == 1


@pytest.mark.parametrize("full", [False, True])
def test_to_find_nothing_is_no_success_however_many_classes_there_are(full):
    names = ["background", *(f"class {k}" for k in range(20))]
    metrics = SegmentationMetrics(21, "softmax", names, fov=False, full=full, curve_bins=10)
    for k in range(20):
        mask = torch.zeros(1, 8, 8, dtype=torch.long)
        mask[:, 2:6, 2:6] = k + 1
        logits = torch.zeros(1, 21, 8, 8)
        logits[:, 0] = 5
        metrics.update(logits, mask, mask >= 0, [str(k)])
    scores = metrics.compute()
    assert scores["dice"] == scores["iou"] == scores["dice/class 7"] == 0


def test_overlapping_regions_that_are_not_there_and_not_found_are_right():
    # As in the BraTS challenge, where many a tumour does not enhance.
    _, mask, valid = image("sigmoid", 3, 0)
    mask[:, 2] = 0
    metrics = filled(REGIONS(), {"a": (20.0 * mask - 10, mask, valid)})
    with pytest.warns(UserWarning, match="leave out a class"):
        assert metrics.compute()["dice/enhancing"] == 1
    missing = torch.where(torch.arange(3).view(1, 3, 1, 1) == 2, 10.0, 20.0 * mask - 10)
    metrics = filled(REGIONS(full=False), {"a": (missing, mask, valid)})
    assert metrics.compute()["dice/enhancing"] == 0


@pytest.mark.parametrize(
    ("head", "num_classes"), [("sigmoid", 1), ("sigmoid", 3), ("softmax", 2), ("softmax", 3), ("softmax", 5)]
)
def test_an_image_without_valid_pixels_has_no_say_under_any_head(head, num_classes):
    names = [f"class {k}" for k in range(num_classes)]
    make = partial(SegmentationMetrics, num_classes, head, names, fov=False, surface=True)
    cases = images(head, num_classes, 2)
    expected = filled(make(), cases).compute()
    logits, mask, valid = image(head, num_classes, 9)
    metrics = filled(make(), cases | {"empty": (logits, mask, torch.zeros_like(valid))})
    with pytest.warns(UserWarning, match="No pixel is valid in empty"):
        assert metrics.compute() == expected
    *_, row = metrics.per_image()
    assert all(np.isnan(value) for name, value in row.items() if name != "id")


def test_an_image_that_a_sampler_repeats_counts_once():
    cases = images("sigmoid", 1)
    metrics = filled(BINARY(fov=False, full=False), cases)
    expected = metrics.compute()
    assert filled(metrics, {"image-0": cases["image-0"]}).compute() == expected
    assert [row["id"] for row in metrics.per_image()] == list(cases)


def test_bins_in_place_of_pixels():
    cases = images("sigmoid", 1)
    exact, binned = (filled(BINARY(fov=True, curve_bins=bins), cases).compute() for bins in (None, 1000))
    assert binned == pytest.approx(exact, abs=5e-3)
    assert binned["roc_auc_fov"] != exact["roc_auc_fov"]


def test_reset_forgets_and_copies_remember():
    cases = images("sigmoid", 1)
    metrics = filled(BINARY(fov=True), cases)
    expected = metrics.compute()
    assert copy.deepcopy(metrics).compute() == expected
    assert pickle.loads(pickle.dumps(metrics)).compute() == expected
    assert not metrics.state_dict()
    metrics.reset()
    assert filled(metrics, cases).compute() == expected


def test_objects_are_scored_in_the_test_only():
    cases = images("sigmoid", 1)
    objects = {name: label(case[1].numpy(), connectivity=1) for name, case in cases.items()}
    metrics, plain = BINARY(fov=True, instances=True), filled(BINARY(fov=True), cases).compute()
    for name, case in cases.items():
        metrics.update(*case, [name], torch.from_numpy(objects[name]))
    scores = metrics.compute()
    assert {key: value for key, value in scores.items() if key in plain} == plain
    for suffix in ("_fov", "_whole"):
        expected = []
        for name, (logits, _, valid) in cases.items():
            region = valid[0] if suffix == "_fov" else torch.ones_like(valid[0])
            expected.append(instance_ap(logits[0, 0] > 0, torch.from_numpy(objects[name][0]), region))
        mean = torch.stack(expected).mean(0)
        assert 0 < mean[0] < 1
        assert scores["instance_ap" + suffix] == pytest.approx(mean.mean().item(), abs=1e-6)
        assert scores["instance_ap50" + suffix] == pytest.approx(mean[0].item(), abs=1e-6)
        assert scores["instance_ap75" + suffix] == pytest.approx(mean[5].item(), abs=1e-6)
    assert set(scores) - set(plain) == set(metrics.per_image()[0]) - set(filled(BINARY(fov=True), cases).per_image()[0])
    assert list(filled(BINARY(fov=True, instances=True, full=False), cases).compute()) == PER_IMAGE[:-1]


def test_objects_that_are_not_there_are_asked_for():
    with pytest.raises(ConfigError, match="image-0 has none"):
        filled(BINARY(fov=False, instances=True), images("sigmoid", 1))
    with pytest.raises(ConfigError, match="one foreground class"):
        SOFTMAX(instances=True)


def test_cells_between_membranes_are_scored_in_the_test_only():
    cases = images("sigmoid", 1)
    plain, metrics = filled(BINARY(fov=True), cases).compute(), filled(BINARY(fov=True, partition=True), cases)
    scores, rows = metrics.compute(), metrics.per_image()
    assert {key: value for key, value in scores.items() if key in plain} == plain
    names = [
        score + suffix
        for score in ("v_rand", "v_info", "pixel_error")
        for suffix in ("_fov", "_whole", "_whole_masked")
    ]
    assert set(scores) - set(plain) == set(names)
    for row, (logits, mask, valid) in zip(rows, cases.values(), strict=True):
        masks = logits[0, 0] > 0, mask[0] == 1
        for suffix, region in (("_fov", valid[0]), ("_whole", torch.ones_like(valid[0]))):
            assert row["v_rand" + suffix] == pytest.approx(v_rand(*masks, region).item(), abs=1e-6)
            assert row["v_info" + suffix] == pytest.approx(v_info(*masks, region).item(), abs=1e-6)
            assert row["pixel_error" + suffix] == pytest.approx(1 - row["accuracy" + suffix], abs=1e-12)
    for name in names:
        assert scores[name] == pytest.approx(np.mean([row[name] for row in rows]))
    assert list(filled(BINARY(fov=True, partition=True, full=False), cases).compute()) == PER_IMAGE[:-1]


OF_BACKGROUND = {"dice": f1_score, "iou": jaccard_score, "precision": precision_score}


def test_the_background_of_one_class_has_scores_of_its_own_by_its_name():
    cases = images("sigmoid", 1)
    plain = filled(BINARY(fov=False), cases).compute()
    metrics = filled(BINARY(fov=False, background="tissue", partition=True), cases)
    scores = metrics.compute()
    assert {key: scores[key] for key in plain} == plain
    for score, oracle in OF_BACKGROUND.items():
        each = [oracle(mask[valid] == 0, logits[:, 0][valid] <= 0) for logits, mask, valid in cases.values()]
        assert scores[f"{score}/tissue"] == pytest.approx(np.mean(each), abs=1e-9)
        assert scores[f"{score}/vessel"] == scores[score] != scores[f"{score}/tissue"]
        assert [row[f"{score}/tissue"] for row in metrics.per_image()] == pytest.approx(each, abs=1e-9)
    assert scores["sensitivity/tissue"] == scores["specificity/vessel"]
    assert not [key for key in scores if key.partition("/")[0] in ("cldice", "v_rand", *POOLED) and "/" in key]
    assert "iou/tissue" in filled(BINARY(fov=False, background="tissue", full=False), cases).compute()


def test_the_background_of_a_softmax_has_scores_and_is_left_out_of_means():
    cases = images("softmax", 3)
    plain = filled(SOFTMAX(), cases).compute()
    scores = filled(SOFTMAX(background="background"), cases).compute()
    assert {key: scores[key] for key in plain} == plain
    each = [f1_score(mask[valid] == 0, logits.argmax(1)[valid] == 0) for logits, mask, valid in cases.values()]
    assert scores["dice/background"] == pytest.approx(np.mean(each), abs=1e-9)
    assert "roc_auc/background" not in scores


def test_a_background_without_a_name_of_its_own_is_refused():
    with pytest.raises(ConfigError, match="set scoring.background=background"):
        SOFTMAX(background="nothing")
    with pytest.raises(ConfigError, match="it has another name"):
        BINARY(fov=False, background="vessel")
    with pytest.raises(ConfigError, match="where there is one class"):
        REGIONS(background="healthy")
    with pytest.raises(ConfigError, match="the class of the membrane is not known"):
        REGIONS(partition=True)


@pytest.mark.parametrize("make", [SOFTMAX, REGIONS])
@pytest.mark.parametrize("lengths", [None, [0.5, 1.0, 2.0]])
def test_surfaces_are_scored_in_the_test_only_in_mm_where_they_are_known(make, lengths):
    head = make.args[1]
    cases = images(head, 3, 2, space=(6, 7, 8))
    metrics = make(surface=True, tolerance_mm=0.6)
    spacing = None if lengths is None else torch.tensor([lengths])
    for name, case in cases.items():
        metrics.update(*case, [name], spacing=spacing)
    scores, rows = metrics.compute(), metrics.per_image()
    distance = "hd95_px" if lengths is None else "hd95_mm"
    for index, part in enumerate(metrics.classes.names, 3 - len(metrics.classes)):
        for row, (logits, mask, valid) in zip(rows, cases.values(), strict=True):
            found = logits.argmax(1)[0] == index if head == "softmax" else logits[0, index] > 0
            wanted = mask[0] == index if head == "softmax" else mask[0, index] == 1
            expected = hd95(found, wanted, valid[0], lengths), surface_dice(found, wanted, valid[0], lengths, 0.6)
            for score, value in zip((distance, "surface_dice"), expected, strict=True):
                assert row[f"{score}/{part}"] == pytest.approx(value.item(), abs=1e-6)
    for score in (distance, "surface_dice"):
        assert scores[score] == pytest.approx(np.mean([row[score] for row in rows]))
    plain = filled(make(), cases).compute()
    assert {key: value for key, value in scores.items() if key in plain} == plain
    assert filled(make(surface=True, full=False), cases).compute() == filled(make(full=False), cases).compute()


def test_millimetres_and_pixels_are_not_averaged():
    cases = images("sigmoid", 1, 2)
    metrics = BINARY(fov=False, surface=True)
    metrics.update(*cases["image-0"], ["image-0"], spacing=torch.ones(1, 2))
    with pytest.raises(ConfigError, match="image-1 is the first"):
        metrics.update(*cases["image-1"], ["image-1"])
    metrics.reset()
    metrics.update(*cases["image-1"], ["image-1"])
    assert "hd95_px" in metrics.compute()


def test_mistakes_get_a_sentence():
    with pytest.raises(ConfigError, match="must name each of the 2 logits"):
        SegmentationMetrics(2, "softmax", ["vessel"], fov=False)
    with pytest.raises(ConfigError, match="threshold"):
        BINARY(fov=False, threshold=1.5)
    with pytest.raises(ConfigError, match="'tanh' does not exist"):
        SegmentationMetrics(1, "tanh", ["vessel"], fov=False)
    with pytest.raises(ConfigError, match="background first"):
        SegmentationMetrics(1, "softmax", ["background"], fov=False)


def test_the_node_leaves_full_open():
    data = {"num_classes": 1, "head": "sigmoid", "class_names": ["vessel"], "fov": True, "instances": False}
    scoring = {"surface": True, "tolerance_mm": 2.0, "curve_bins": None, "partition": False, "background": None}
    node = OmegaConf.create({"data": data, "scoring": scoring, "metrics": OmegaConf.load(DEFAULT)}).metrics
    make = instantiate(node, _convert_="all")
    assert make(full=True).full
    assert not make(full=False).full
    arguments = set(SegmentationMetrics.__init__.__annotations__) - {"return", "full"}
    assert set(node) - {"_target_", "_partial_"} == arguments
