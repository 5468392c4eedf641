"""Random batches for tests of losses, and every loss with every head that it supports."""

import torch
from torch import Tensor

from gequnet.losses.base import SegmentationLoss
from gequnet.losses.bce import BCELoss
from gequnet.losses.compound import DiceBCELoss, DiceCELoss
from gequnet.losses.cross_entropy import CrossEntropyLoss
from gequnet.losses.dice import DiceLoss
from gequnet.losses.focal import FocalLoss
from gequnet.losses.iou import IoULoss
from gequnet.losses.mse import MSELoss
from gequnet.losses.pixelwise_softmax import PixelwiseSoftmaxLoss
from gequnet.losses.tversky import TverskyLoss

FLOAT32_TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}

LOSSES: list[type[SegmentationLoss]] = [
    BCELoss, CrossEntropyLoss, DiceLoss, DiceBCELoss, DiceCELoss, FocalLoss, IoULoss, MSELoss,
    PixelwiseSoftmaxLoss, TverskyLoss,
]  # fmt: skip
FITTING_PAIRS = [(loss, head) for loss in LOSSES for head in loss.heads]


def batch(
    head: str,
    num_classes: int,
    space: tuple[int, ...] = (7, 6),
    size: int = 3,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor, Tensor]:
    """Random logits, mask and valid; the last image of three or more has no valid pixel."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(size, num_classes, *space, generator=generator, dtype=dtype)
    if head == "softmax":
        mask = torch.randint(0, num_classes, (size, *space), generator=generator)
    else:
        shape = (size, *space) if num_classes == 1 else (size, num_classes, *space)
        mask = torch.randint(0, 2, shape, generator=generator)
    valid = torch.rand(size, *space, generator=generator) < 0.7
    if size > 2:
        valid[-1] = False
    return logits, mask, valid


def valid_only(logits: Tensor, mask: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Valid pixels as one long image."""

    def pixels(values: Tensor) -> Tensor:
        return values.movedim(1, -1)[valid].movedim(-1, 0).unsqueeze(0)

    kept = mask[valid].unsqueeze(0) if mask.ndim == valid.ndim else pixels(mask)
    return pixels(logits), kept, torch.ones(1, int(valid.sum()), dtype=torch.bool)
