"""One-sentence messages for long errors of Hydra and of worker processes."""

import multiprocessing
from pathlib import Path

import pytest
from torch.utils.data import DataLoader, Dataset

from gequnet.data.errors import UnreadableFileError
from gequnet.errors import first_sentence, nearest_names, unknown_choice


class Unreadable(Dataset[int]):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> int:
        raise UnreadableFileError(Path("broken.png"), "it ends in the middle")


def test_an_error_of_a_worker_process_is_what_the_worker_said() -> None:
    context = multiprocessing.get_context("fork")
    with pytest.raises(Exception, match="Traceback") as caught:
        next(iter(DataLoader(Unreadable(), num_workers=1, multiprocessing_context=context)))
    assert first_sentence(str(caught.value)).startswith("broken.png cannot be read")
    assert "\n" not in first_sentence(str(caught.value))


def test_several_lines_become_one() -> None:
    assert first_sentence("One.\n  Two.\n") == "One. Two."


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("optim.lrr", "optim.lr"), ("lr", "optim.lr"), ("trainer.max_step", "trainer.max_steps")],
)
def test_the_nearest_name_comes_first(name: str, nearest: str) -> None:
    assert nearest_names(name, ["optim.lr", "optim.betas", "trainer.max_steps", "seed"])[0] == nearest


def test_nothing_near_is_said_without_a_hint() -> None:
    assert unknown_choice("optim", "xyz", ["adam", "sgd"]) == "There is no optim=xyz; all of them are adam, sgd."
