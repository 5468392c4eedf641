"""Sweeps: which jobs, in which folders, in which processes, and what came of them."""
