"""Folders of runs and sweeps: their layout, configurations, checkpoints, fingerprints."""
