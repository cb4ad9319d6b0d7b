"""Tiny Shakespeare: found in folders, verified; the real text where it is."""

import os

import numpy as np
import pytest

from fastnn.datasets import tiny_shakespeare


def test_a_wrong_text_is_refused(tmp_path, monkeypatch):
    (tmp_path / "input.txt").write_text("First Citizen:\n")
    with pytest.raises(ValueError, match="input.txt: wrong checksum"):
        tiny_shakespeare.load_text(tmp_path)
    folder = tmp_path / "tiny_shakespeare"
    folder.mkdir()
    (folder / "input.txt").write_text("Before we proceed")
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="tiny_shakespeare.*wrong checksum"):
        tiny_shakespeare.load_data()


def test_a_folder_without_it_is_named(tmp_path):
    with pytest.raises(ValueError, match="Tiny Shakespeare: argument 'path': .* has no input.txt"):
        tiny_shakespeare.load_text(tmp_path)


def test_validation_is_a_part(tmp_path):
    with pytest.raises(ValueError, match="validation must be from 0 to 1, got 1.5"):
        tiny_shakespeare.load_data(tmp_path, validation=1.5)


@pytest.mark.skipif("FASTNN_DATA" not in os.environ, reason="the text may not be on this machine")
def test_the_text():
    train, validation, characters = tiny_shakespeare.load_data()
    assert (len(train), len(validation), len(characters)) == (1003854, 111540, 65)
    assert train.dtype == np.uint8
    text = "".join(characters[i] for i in np.concatenate([train, validation]))
    assert text == tiny_shakespeare.load_text()
    assert text.startswith("First Citizen:\nBefore we proceed")
