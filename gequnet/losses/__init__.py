"""Losses: one quantity a file, a function on tensors first, then the module that holds its hyperparameters.

Every module is called as ``loss(logits, mask, valid)``, those that are means over pixels also with ``weight``, see
[`gequnet.losses.base.SegmentationLoss`][].
"""
