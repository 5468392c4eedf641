"""Random images for tests of scores."""

import torch
from hypothesis import strategies as st
from torch import Tensor


def image(seed: int, space: tuple[int, ...] = (9, 8), classes: tuple[int, ...] = ()) -> tuple[Tensor, Tensor, Tensor]:
    """Predicted and true foreground that agree about half of the time, and valid pixels."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(*classes, *space, generator=generator) < 0.3
    preds = torch.where(torch.rand(target.shape, generator=generator) < 0.5, target, ~target)
    valid = torch.rand(space, generator=generator) < 0.7
    return preds, target, valid


seeds = st.integers(0, 10**6)
