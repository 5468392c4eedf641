"""Evaluation of trained networks: the best checkpoint after a training, a finished run on another dataset."""
