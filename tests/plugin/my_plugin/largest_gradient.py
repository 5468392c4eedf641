"""The largest gradient of a training."""

import pytorch_lightning as pl
from torch.nn.utils import get_total_norm


class LargestGradient(pl.Callback):
    """Largest norm of all gradients before an optimizer step, as ``largest_gradient`` in ``metrics.json``."""

    def __init__(self):
        self.largest = 0.0

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        """Compares with the norm of this step, before gradients are clipped."""
        gradients = [each.grad for each in pl_module.parameters() if each.grad is not None]
        self.largest = max(self.largest, float(get_total_norm(gradients)))

    def results(self):
        """Numbers for ``metrics.json``."""
        return {"largest_gradient": self.largest}
