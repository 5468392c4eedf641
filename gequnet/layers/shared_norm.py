"""Batch normalisation of a batch that several processes hold parts of: by the statistics of all parts together."""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gequnet.distributed import Share


class SharesStatistics(nn.Module):
    """A batch normalisation that can take its statistics over all processes; ``share`` is None where it does not."""

    share: Share | None = None


def share_statistics(net: nn.Module, share: Share | None) -> None:
    """Lets every batch normalisation in a network take its statistics over all processes, in training mode.

    Layers keep their class, parameters and buffers, so a state dict knows nothing of it.

    Args:
        net: with layers of ours, or of ``torch.nn``, those that have a scale, a shift and running averages.
        share: makes of a sum over this process's part of a batch the sum over the batch; None makes each layer again
            what it was.
    """
    for module in net.modules():
        if isinstance(module, SharesStatistics):
            module.share = share
        elif isinstance(module, _BatchNorm) and module.affine and module.track_running_stats:
            vars(module).pop("forward", None)
            if share is not None:
                module.forward = partial(_forward, module, share)  # type: ignore[method-assign]


def _forward(norm: Any, share: Share, x: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:
    if not norm.training:
        return type(norm).forward(norm, x)
    norm.num_batches_tracked.add_(1)
    return shared_batch_norm(x, norm, share)


def shared_batch_norm(x: Float[Tensor, "b c *space"], norm: Any, share: Share) -> Float[Tensor, "b c *space"]:
    """What ``torch.nn.functional.batch_norm`` does in training, with the statistics of all processes.

    Computed in float32, mean and variance one after the other: a variance from the mean of squares would lose what
    little a large mean leaves of it.

    Args:
        x: this process's part of the batch.
        norm: has ``weight``, ``bias``, ``running_mean``, ``running_var``, ``momentum`` and ``eps``.
        share: makes of a sum over this process's part of the batch the sum over the batch.
    """
    axes, count = (0, *range(2, x.dim())), x.numel() // x.shape[1]
    values = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    mean, _ = mean_of_parts(values.mean(axes, keepdim=True), count, share)
    centred = values - mean
    variance, total = mean_of_parts(centred.square().mean(axes, keepdim=True), count, share)
    follow(norm, mean, variance, total)
    shape = mean.shape[1:]
    scale = norm.weight.view(shape) * torch.rsqrt(variance + norm.eps)
    return (centred * scale + norm.bias.view(shape)).to(x.dtype)


def mean_of_parts(mean: Float[Tensor, "..."], count: int, share: Share | None) -> tuple[Float[Tensor, "..."], Tensor]:
    """The means over a batch, and of how many numbers.

    Args:
        mean: of this process's part.
        count: of how many numbers that is.
        share: makes sums those of all processes; with None this part is all.
    """
    # The count is made where the mean is: a number that is copied there would have a GPU waited for at every norm.
    if share is None:
        return mean, mean.new_full((), count)
    sums = share(torch.cat([count * mean.flatten(), mean.new_full((1,), count)]))
    return (sums[:-1] / sums[-1]).view_as(mean), sums[-1]


@torch.no_grad()
def follow(norm: Any, mean: Float[Tensor, "..."], variance: Float[Tensor, "..."], count: Tensor) -> None:
    """The running statistics take in those of a batch of ``count`` numbers, the variance without its bias."""
    unbiased = variance.flatten() * (count / (count - 1).clamp(min=1))
    norm.running_mean.lerp_(mean.flatten().to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_(unbiased.to(norm.running_var), norm.momentum)
