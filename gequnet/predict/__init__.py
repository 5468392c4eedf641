"""`python -m gequnet.predict`: labels for image files, written in their own geometry."""
