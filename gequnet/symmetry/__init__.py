"""The mathematics: groups of the plane, their representations, steerable kernels, and how to measure equivariance."""
