"""What of a run is told to its loggers, above all to Weights & Biases."""
