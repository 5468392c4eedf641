"""Kernels from libraries that we did not write, in the conventions of ours."""
