"""Fixtures for all tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Callable[[str], Path]:
    """Give a function that returns the folder of a real data set, or skips where the set is absent.

    Sets lie in sub-folders of the folder that FASTNN_DATA names, or of ``../shared/data`` beside the
    checkout.
    """
    root = Path(os.environ.get("FASTNN_DATA") or Path(__file__).parents[2] / "shared" / "data")

    def find(name: str) -> Path:
        folder = root.expanduser() / name
        if not folder.is_dir():
            pytest.skip(f"needs real data: no folder {folder} (set FASTNN_DATA to the folder of data sets)")
        return folder

    return find
