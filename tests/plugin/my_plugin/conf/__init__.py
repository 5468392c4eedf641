"""Configurations of the extensions, for Hydra's search path."""
