"""Configurations: composed, resolved, checked, explained, and built into objects."""
