"""Log odds beside those of probabilities in double precision."""

import torch

from gequnet.heads import log_odds


def test_log_odds_are_those_of_the_probabilities():
    logits = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(0)) * 3
    for head, probabilities in (("sigmoid", logits.double().sigmoid()), ("softmax", logits.double().softmax(1))):
        torch.testing.assert_close(log_odds(logits, head).double(), probabilities.logit(), rtol=1e-4, atol=1e-4)


def test_log_odds_do_not_end_where_a_probability_rounds_to_1():
    logits = torch.tensor([[-800.0, 900.0, 250.0], [0.0, 90.0, 90.0]])[..., None]
    torch.testing.assert_close(log_odds(logits, "softmax")[0, :, 0], torch.tensor([-1700.0, 650.0, -650.0]))
    torch.testing.assert_close(log_odds(logits, "softmax")[1, :, 0], torch.tensor([-90.6931, 0.0, 0.0]))
