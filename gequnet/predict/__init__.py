"""Prediction for image files: `python -m gequnet.predict` writes labels in the geometry of each image."""
