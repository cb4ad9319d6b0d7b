"""Fixtures for all tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Callable[[str], Path]:
    """Give a function that returns the folder of a real data set, or skips where the set is absent.

    Sets lie in sub-folders of the folder that the environment's FASTNN_DATA names.
    """
    root = os.environ.get("FASTNN_DATA")

    def find(name: str) -> Path:
        if not root:
            pytest.skip("needs real data: set FASTNN_DATA to the folder of data sets")
        folder = Path(root).expanduser() / name
        if not folder.is_dir():
            pytest.skip(f"needs real data: no folder {folder}")
        return folder

    return find
