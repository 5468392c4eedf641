"""One-sentence messages for long errors of Hydra and of worker processes."""

import multiprocessing
import re
import shlex
from pathlib import Path

import pytest
from hydra.errors import HydraException, OverrideParseException
from torch.utils.data import DataLoader, Dataset

from gequnet.config.compose import compose, resolve
from gequnet.config.explain import explain
from gequnet.data.errors import UnreadableFileError
from gequnet.errors import ConfigError, first_sentence, nearest_names, unknown_choice
from helpers.slow import slow_unless


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


@pytest.mark.parametrize(
    "path",
    slow_unless(
        {"/a=b", "/a[1]/b", "/it's"}.__contains__,
        ["/a=b", "/a[1]/b", "/a,b", "/a(1)", "/a{b", "/it's", '/say "so"', "/a;b", "/é", "/a: b!"],
    ),
)
def test_a_path_is_shown_as_it_must_be_quoted(path: str) -> None:
    """What is shown, typed in a shell, is that path."""
    word = f"paths.data={path}"
    with pytest.raises(HydraException) as caught:
        compose([word, "paths.run=."])
    sentence = explain(caught.value, [word])
    assert sentence.startswith(("The value of paths.data", "paths.data="))
    assert "mismatched" not in sentence
    assert "Exception" not in sentence
    [shown] = shlex.split(re.split(r"type |quote it: ", sentence)[-1].removesuffix("."))
    assert compose([shown, "paths.run=."]).paths.data == path


@pytest.mark.parametrize("path", ["/a$b/c", "/a b/c"])
def test_other_paths_need_no_quotes(path: str) -> None:
    assert resolve(compose([f"paths.data={path}", "paths.run=."])).paths.data == path


def test_a_dollar_with_braces_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^paths.data refers to a value that does not exist .*rename the folder if"):
        resolve(compose(["paths.data=/a${b}/c", "paths.run=."]))


def test_a_word_that_is_no_value() -> None:
    assert explain(OverrideParseException("lr", "what Hydra says")) == "'lr' cannot be read: write name=value."
