"""Folders of runs: what is in them, written and read back."""
