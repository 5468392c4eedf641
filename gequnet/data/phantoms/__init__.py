"""Drawn images and volumes, the same on every machine."""
