"""File formats of pictures, masks and volumes: read as they are, written whole or not at all."""
