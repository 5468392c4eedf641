"""Extensions of gequnet: a loss, a network, a dataset and a callback."""
