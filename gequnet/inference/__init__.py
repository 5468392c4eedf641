"""Prediction with a trained network: whole images, sliding windows, streaming, averages over a group."""

from gequnet.inference.sliding_window import sliding, whole

__all__ = ["sliding", "whole"]
