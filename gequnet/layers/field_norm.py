"""Normalisation of fields: one mean and variance for a whole field, so that it commutes with the group.

The statistics are those of the functions that the fields represent: the mean and the variance over the group, the
image and, for batch normalisation, the batch. For a finite group this is the usual normalisation with the channels of
a field taken together, and PyTorch's kernels do it. For Fourier coefficients the mean is the coefficient of the
constant function, and the variance is the mean squared norm of the other coefficients (Parseval). No rotation changes
either.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from gequnet.layers.plain import divisor_up_to, lookup
from gequnet.layers.shared_norm import (
    SharesStatistics,
    mean_over_processes,
    shared_batch_norm,
    update_running_statistics,
)
from gequnet.symmetry.gspace import FieldType


def field_mean(
    fields: Float[Tensor, "b f n h w"], constant: Float[Tensor, " n"], axes: tuple[int, ...]
) -> Float[Tensor, "b2 f2 1 1 1"]:
    """Mean of the functions over the group and ``axes``."""
    mean = (fields * constant.view(-1, 1, 1)).sum(2, keepdim=True) / constant.square().sum()
    return mean.mean(axes, keepdim=True)


def field_variance(
    centred: Float[Tensor, "b f n h w"], constant: Float[Tensor, " n"], axes: tuple[int, ...]
) -> Float[Tensor, "b2 f2 1 1 1"]:
    """Mean square of the functions over the group and ``axes``."""
    square = centred.square().sum(2, keepdim=True) / constant.square().sum()
    return square.mean(axes, keepdim=True)


class FieldNorm(nn.Module):
    """Base class of the norms of fields: a scale and a shift for each field, and the constant function as a field."""

    constant: Tensor

    def __init__(self, field_type: FieldType, eps: float = 1e-5) -> None:
        super().__init__()
        self.fields, self.eps = field_type.fields, eps
        self.permutation = field_type.representation.is_permutation
        self.weight = nn.Parameter(torch.ones(self.fields))
        self.bias = nn.Parameter(torch.zeros(self.fields))
        constant = torch.from_numpy(field_type.representation.constant()).float()
        self.register_buffer("constant", constant, persistent=False)
        self.copies = round(constant.square().sum().item())

    def extra_repr(self) -> str:
        """The number of fields."""
        return f"fields={self.fields}"

    def rescale(
        self, centred: Float[Tensor, "b f n h w"], variance: Float[Tensor, "b2 f2 1 1 1"]
    ) -> Float[Tensor, "b c h w"]:
        """Divide by the standard deviation and apply the scale and the shift of each field."""
        scale = self.weight.view(-1, 1, 1, 1) * torch.rsqrt(variance + self.eps)
        shift = self.bias.view(-1, 1, 1, 1) * self.constant.view(-1, 1, 1)
        return (centred * scale + shift).flatten(1, 2)


class FieldBatchNorm(FieldNorm, SharesStatistics):
    """Batch normalisation with one mean and variance for each field, over its orbit, the image and the batch.

    Running statistics follow ``torch.nn.BatchNorm2d``: an average with weight ``momentum`` on the newest batch, with
    the unbiased variance. With several processes the statistics are those of each process's own batch, or those of all
    processes, see [`gequnet.layers.shared_norm`][].
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, field_type: FieldType, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(field_type, eps)
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(self.fields))
        self.register_buffer("running_var", torch.ones(self.fields))
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """[B, C, H, W] -> [B, C, H, W]."""
        if self.training:
            self.num_batches_tracked.add_(1)
        fields = x.unflatten(1, (self.fields, -1))
        return self._native(fields) if self.permutation else self._spectral(fields)

    def _native(self, fields: Float[Tensor, "b f n h w"]) -> Float[Tensor, "b c h w"]:
        if self.training and self.share is not None:
            return shared_batch_norm(fields, self, self.share).flatten(1, 2)
        y = F.batch_norm(
            fields,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )
        return y.flatten(1, 2)

    def _spectral(self, fields: Float[Tensor, "b f n h w"]) -> Float[Tensor, "b c h w"]:
        direction = self.constant.view(-1, 1, 1)
        if not self.training:
            centred = fields - self.running_mean.view(-1, 1, 1, 1) * direction
            return self.rescale(centred, self.running_var.view(1, -1, 1, 1, 1))
        count = fields.shape[0] * fields.shape[3] * fields.shape[4] * self.copies
        mean, _ = mean_over_processes(field_mean(fields, self.constant, (0, 3, 4)), count, self.share)
        centred = fields - mean * direction
        variance, total = mean_over_processes(field_variance(centred, self.constant, (0, 3, 4)), count, self.share)
        update_running_statistics(self, mean, variance, total)
        return self.rescale(centred, variance)


class FieldGroupNorm(FieldNorm):
    """Group normalisation over groups of whole fields; instance normalisation if each field is a group."""

    def __init__(self, field_type: FieldType, groups: int, eps: float = 1e-5) -> None:
        super().__init__(field_type, eps)
        self.groups = groups

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """[B, C, H, W] -> [B, C, H, W]."""
        if self.permutation:
            size = x.shape[1] // self.fields
            return F.group_norm(
                x,
                self.groups,
                self.weight.repeat_interleave(size),
                self.bias.repeat_interleave(size),
                self.eps,
            )
        fields = x.unflatten(1, (self.fields, -1))
        grouped = fields.unflatten(1, (self.groups, -1)).transpose(2, 3).flatten(3, 4)
        mean = field_mean(grouped, self.constant, (3, 4)).repeat_interleave(self.fields // self.groups, 1)
        centred = fields - mean * self.constant.view(-1, 1, 1)
        squares = centred.unflatten(1, (self.groups, -1)).transpose(2, 3).flatten(3, 4)
        variance = field_variance(squares, self.constant, (3, 4)).repeat_interleave(self.fields // self.groups, 1)
        return self.rescale(centred, variance)


def field_norm(name: str, field_type: FieldType, groups: int = 8) -> nn.Module:
    """Normalisation of fields by name: batch, instance, group (at most ``groups`` groups of whole fields) or none."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "batch": lambda: FieldBatchNorm(field_type),
        "instance": lambda: FieldGroupNorm(field_type, groups=field_type.fields),
        "group": lambda: FieldGroupNorm(field_type, groups=divisor_up_to(groups, field_type.fields)),
        "none": nn.Identity,
    }
    return lookup(makers, name, "norm")()
