"""Datasets, one per file, and their common base classes."""
