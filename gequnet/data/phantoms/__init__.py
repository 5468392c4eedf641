"""Synthetic images and volumes, identical on every machine."""
