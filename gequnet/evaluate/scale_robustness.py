"""Scores of a network on magnified test images, and the agreement of its predictions across scales."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed
from jaxtyping import Bool
from torch import Tensor

from gequnet.data.transforms.magnify import magnified_regions
from gequnet.data.views.rescaled import at_scale
from gequnet.distributed import all_gather
from gequnet.heads import foreground_classes, predicted_classes, probabilities, target_classes
from gequnet.metrics.scores import score
from gequnet.train.task import SegmentationTask

log = logging.getLogger("gequnet")

Row = dict[str, Any]


@dataclass(frozen=True)
class MaskPair:
    """Predicted and true masks of an image.

    Args:
        pred: ``[K, *space]``, the predicted pixels of each foreground class.
        target: The same of the labels.
        valid: ``[*space]``, the pixels that count.
    """

    pred: Bool[Tensor, "k *space"]
    target: Bool[Tensor, "k *space"]
    valid: Bool[Tensor, "*space"]

    def magnified(self, factor: float, sides: Sequence[int]) -> "MaskPair":
        """The masks ``factor`` times as large, on a grid of these sides with the same centre."""
        pred, target, valid = (
            magnified_regions(part, factor, sides) for part in (self.pred, self.target, self.valid[None])
        )
        return MaskPair(pred, target, valid[0])


class MaskCollector(pl.Callback):
    """Keep the masks of a test by the ids of the images.

    Args:
        head: ``sigmoid`` or ``softmax``.
        threshold: A sigmoid above it is foreground.
    """

    def __init__(self, head: str, threshold: float) -> None:
        self.head, self.threshold = head, threshold
        self.kept: dict[str, MaskPair] = {}

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the masks of the batch."""
        classes = foreground_classes(outputs.shape[1], self.head)
        pred = predicted_classes(probabilities(outputs, self.head), self.head, self.threshold)[:, classes].cpu()
        target = target_classes(outputs, batch["mask"], self.head)[:, classes].cpu()
        parts = zip(batch["id"], pred, target, batch["valid"].cpu(), strict=True)
        self.kept |= {name: MaskPair(*masks) for name, *masks in parts}


def scale_agreement(large: MaskPair, small: MaskPair, factor: float) -> dict[str, float]:
    r"""Agreement of the prediction for a magnified image with the magnified prediction for the image.

    ``agreement`` is the Dice of :math:`f(s \cdot x)` with :math:`s \cdot f(x)`, ``agreement_floor`` that of the labels:
    the labels at scale *s* with the magnified labels. Masks of pixels do not magnify exactly, so the floor is the best
    agreement that can be measured. A network that predicts nothing agrees with itself. Both are means over classes,
    inside the field of view.

    Args:
        large: Of the magnified image.
        small: Of the image.
        factor: The magnification *s*.

    >>> square = torch.zeros(1, 8, 8, dtype=torch.bool)
    >>> square[:, 2:6, 2:6] = True
    >>> small = MaskPair(square, square, torch.ones(8, 8, dtype=torch.bool))
    >>> scale_agreement(small.magnified(2.0, (16, 16)), small, 2.0)
    {'agreement': 1.0, 'agreement_floor': 1.0}
    """
    expected = small.magnified(factor, large.valid.shape)
    inside = large.valid & expected.valid
    pairs = {"agreement": (large.pred, expected.pred), "agreement_floor": (large.target, expected.target)}
    return {name: float(score("dice", *masks, inside).nanmean()) for name, masks in pairs.items()}


def score_at(
    scales: Sequence[float],
    data: Any,
    task: SegmentationTask,
    make_trainer: Callable[..., pl.Trainer],
    head: str,
    threshold: float,
) -> tuple[dict[str, dict[str, float]], list[Row]]:
    """Test the same weights on the test images at each of these scales.

    Args:
        scales: Magnifications; 1 is always tested, and first, as the agreement needs it.
        data: The data module; its source provides the test images at another scale.
        task: With the network.
        make_trainer: Makes a trainer with the given callbacks.
        head: ``sigmoid`` or ``softmax``.
        threshold: A sigmoid above it is foreground.

    Returns:
        Mean scores for each scale, in ascending order, with ``agreement`` and ``agreement_floor``; and a row of scores
        for each scale and image.
    """
    means: dict[str, dict[str, float]] = {}
    rows: list[Row] = []
    reference: dict[str, MaskPair] = {}
    for scale in [1.0, *(float(each) for each in scales if each != 1)]:
        collector = MaskCollector(head, threshold)
        trainer = make_trainer(callbacks=[collector])
        images = data.test_dataloader_of(at_scale(data.source, scale))
        trainer.test(task, dataloaders=images, weights_only=True, verbose=False)
        reference = reference or collector.kept
        agreements = gather_ranks(
            {name: scale_agreement(collector.kept[name], reference[name], scale) for name in reference}
        )
        scores = {name.removeprefix("test/"): float(value) for name, value in trainer.callback_metrics.items()}
        means[f"{scale:g}"] = scores | _mean(list(agreements.values()))
        of_images = data.in_order(task.test_metrics.per_image())
        rows += [{"scale": scale} | row | agreements[str(row["id"])] for row in of_images]
        log.info("scale %g: Dice %.4f", scale, scores.get("dice", scores.get("dice_fov", float("nan"))))
    return dict(sorted(means.items(), key=lambda pair: float(pair[0]))), sorted(rows, key=lambda row: row["scale"])


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(torch.tensor([row[name] for row in rows]).nanmean()) for name in rows[0]}


def gather_ranks(own: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The scores of the images of all ranks, from those of each rank."""
    return {name: values for part in all_gather(own) for name, values in part.items()}
