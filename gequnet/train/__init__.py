"""Training: the task, its trainer, and what surrounds them."""
