"""One network at many scales: how its scores depend on the size of things, and whether its answers grow with them."""

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
    """What a network said about an image, beside the truth.

    Args:
        said: ``[K, *space]``, the pixels of each foreground class.
        true: The same of the labels.
        valid: ``[*space]``, the pixels that count.
    """

    said: Bool[Tensor, "k *space"]
    true: Bool[Tensor, "k *space"]
    valid: Bool[Tensor, "*space"]

    def magnified(self, factor: float, sides: Sequence[int]) -> "MaskPair":
        """The answer ``factor`` times as large, on a grid of these sides with the same centre."""
        said, true, valid = (
            magnified_regions(part, factor, sides) for part in (self.said, self.true, self.valid[None])
        )
        return MaskPair(said, true, valid[0])


class MaskCollector(pl.Callback):
    """Keeps what the network says in a test, by the names of the images.

    Args:
        head: What the logits mean, ``sigmoid`` or ``softmax``.
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
        """Keeps the answers about this batch."""
        classes = foreground_classes(outputs.shape[1], self.head)
        said = predicted_classes(probabilities(outputs, self.head), self.head, self.threshold)[:, classes].cpu()
        true = target_classes(outputs, batch["mask"], self.head)[:, classes].cpu()
        parts = zip(batch["id"], said, true, batch["valid"].cpu(), strict=True)
        self.kept |= {name: MaskPair(*answer) for name, *answer in parts}


def scale_agreement(large: MaskPair, answer: MaskPair, factor: float) -> dict[str, float]:
    r"""Whether a network's answer about a magnified image is its answer about the image, magnified.

    ``agreement`` is the Dice of :math:`f(s \cdot x)` with :math:`s \cdot f(x)`, ``agreement_floor`` that of the labels:
    the truth at scale *s* with the truth magnified. Masks of pixels do not magnify exactly, so agreement near the floor
    is as good as can be seen; but a network that says nothing agrees with itself. Both are means over classes, inside
    the field of view.

    Args:
        large: About the magnified image.
        answer: About the image.
        factor: The magnification *s*.

    >>> square = torch.zeros(1, 8, 8, dtype=torch.bool)
    >>> square[:, 2:6, 2:6] = True
    >>> answer = MaskPair(square, square, torch.ones(8, 8, dtype=torch.bool))
    >>> scale_agreement(answer.magnified(2.0, (16, 16)), answer, 2.0)
    {'agreement': 1.0, 'agreement_floor': 1.0}
    """
    expected = answer.magnified(factor, large.valid.shape)
    inside = large.valid & expected.valid
    pairs = {"agreement": (large.said, expected.said), "agreement_floor": (large.true, expected.true)}
    return {name: float(score("dice", *masks, inside).nanmean()) for name, masks in pairs.items()}


def score_at(
    scales: Sequence[float],
    data: Any,
    task: SegmentationTask,
    make_trainer: Callable[..., pl.Trainer],
    head: str,
    threshold: float,
) -> tuple[dict[str, dict[str, float]], list[Row]]:
    """Tests the same weights on the test images at each of these scales.

    Args:
        scales: How many times as large; 1, which the agreement needs, is tested first whether it is among them or not.
        data: The data module; says what its test images are at another scale.
        task: The network as it is to be tested.
        make_trainer: Makes a trainer with the callbacks that it is given.
        head: What the logits mean, ``sigmoid`` or ``softmax``.
        threshold: A sigmoid above it is foreground.

    Returns:
        For each scale, in their order, the scores with mean ``agreement`` and ``agreement_floor``; and the same of each
        image, a row for each scale and image.
    """
    means: dict[str, dict[str, float]] = {}
    rows: list[Row] = []
    reference: dict[str, MaskPair] = {}
    for scale in [1.0, *(float(each) for each in scales if each != 1)]:
        answers = MaskCollector(head, threshold)
        trainer = make_trainer(callbacks=[answers])
        images = data.test_dataloader_of(at_scale(data.source, scale))
        trainer.test(task, dataloaders=images, weights_only=True, verbose=False)
        reference = reference or answers.kept
        agreements = of_all_ranks(
            {name: scale_agreement(answers.kept[name], reference[name], scale) for name in reference}
        )
        scores = {name.removeprefix("test/"): float(value) for name, value in trainer.callback_metrics.items()}
        means[f"{scale:g}"] = scores | _mean(list(agreements.values()))
        of_images = data.in_order(task.test_metrics.per_image())
        rows += [{"scale": scale} | row | agreements[str(row["id"])] for row in of_images]
        log.info("scale %g: Dice %.4f", scale, scores.get("dice", scores.get("dice_fov", float("nan"))))
    return dict(sorted(means.items(), key=lambda pair: float(pair[0]))), sorted(rows, key=lambda row: row["scale"])


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(torch.tensor([row[name] for row in rows]).nanmean()) for name in rows[0]}


def of_all_ranks(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """What each process has found about its images, together; of a single process what it has found."""
    return {name: values for part in all_gather(found) for name, values in part.items()}
