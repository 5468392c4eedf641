"""Datasets on the network and on disk: where they are, under which licence, whether a copy is whole."""
