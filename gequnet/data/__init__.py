"""Datasets, one per file, and the datamodule that turns them into patches and whole images."""
