"""Batch normalisation with statistics over all processes (as PyTorch's SyncBatchNorm, for fields and scales too)."""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gequnet.distributed import Share


class SharesStatistics(nn.Module):
    """Base class of batch norms that can share statistics between processes; they do not if ``share`` is None."""

    share: Share | None = None


def share_statistics(net: nn.Module, share: Share | None) -> None:
    """Make every batch norm of a network use the statistics of all processes in training mode.

    Layers keep their class, parameters and buffers, so the state dict does not change.

    Args:
        net: with batch norms of this package, or those of ``torch.nn`` that have a scale, a shift and running averages.
        share: maps a sum over this process's part of a batch to the sum over the whole batch; None undoes the change.
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
    """``torch.nn.functional.batch_norm`` in training mode, with the statistics of all processes.

    It is computed in float32 (float64 for float64 inputs), first the mean and then the variance. A variance from the
    mean of squares would lose its digits to a large mean.

    Args:
        x: this process's part of the batch.
        norm: a module with ``weight``, ``bias``, ``running_mean``, ``running_var``, ``momentum`` and ``eps``.
        share: maps a sum over this process's part of the batch to the sum over the whole batch.
    """
    axes, count = (0, *range(2, x.dim())), x.numel() // x.shape[1]
    values = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    mean, _ = mean_over_processes(values.mean(axes, keepdim=True), count, share)
    centred = values - mean
    variance, total = mean_over_processes(centred.square().mean(axes, keepdim=True), count, share)
    update_running_statistics(norm, mean, variance, total)
    shape = mean.shape[1:]
    scale = norm.weight.view(shape) * torch.rsqrt(variance + norm.eps)
    return (centred * scale + norm.bias.view(shape)).to(x.dtype)


def mean_over_processes(
    mean: Float[Tensor, "..."], count: int, share: Share | None
) -> tuple[Float[Tensor, "..."], Tensor]:
    """Mean over the batches of all processes, and the number of values in it.

    Args:
        mean: the mean over this process's part.
        count: the number of values in this part.
        share: maps sums over this part to sums over all processes; None if there is only this part.
    """
    # The count is created on the device of the mean: copying a number there would synchronise the GPU at every norm.
    if share is None:
        return mean, mean.new_full((), count)
    sums = share(torch.cat([count * mean.flatten(), mean.new_full((1,), count)]))
    return (sums[:-1] / sums[-1]).view_as(mean), sums[-1]


@torch.no_grad()
def update_running_statistics(
    norm: Any, mean: Float[Tensor, "..."], variance: Float[Tensor, "..."], count: Tensor
) -> None:
    """Update the running statistics by those of a batch of ``count`` values; the variance is made unbiased."""
    unbiased = variance.flatten() * (count / (count - 1).clamp(min=1))
    norm.running_mean.lerp_(mean.flatten().to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_(unbiased.to(norm.running_var), norm.momentum)
