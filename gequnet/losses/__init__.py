"""Losses: one per file, first the function on tensors, then the module with its hyperparameters.

Every module is called as ``loss(logits, mask, valid)``. Means over pixels also take ``weight``, see
[`gequnet.losses.base.SegmentationLoss`][].
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
