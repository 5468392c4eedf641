"""Segmentation with symmetric networks: equivariant U-Nets, trained and fairly compared."""
