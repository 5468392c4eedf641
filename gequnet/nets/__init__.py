"""Whole networks: an image tensor in, a logits tensor of the same spatial size out."""
