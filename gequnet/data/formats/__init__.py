"""File formats of pictures, masks and volumes."""
