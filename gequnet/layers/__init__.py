"""Layers as plain ``nn.Module``s on plain tensors: usable in any PyTorch program."""
