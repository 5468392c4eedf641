"""Extensions of gequnet: a loss, a network, a dataset, a score and a callback."""
