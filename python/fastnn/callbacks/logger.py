"""A callback that writes the epochs' metrics to a CSV file."""

from __future__ import annotations

import csv
import os
from typing import Any

from fastnn.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    r"""Write one line an epoch to a CSV file: the epoch and every metric.

    The file is complete after each epoch. A metric that first appears in a later epoch gets a column;
    where a value is missing the cell says ``NA``.

    Parameters
    ----------
    filename : str or path
        The file; missing folders are made.
    separator : str, default ","
        One character between the cells.
    append : bool, default False
        Go on with an existing file instead of replacing it.

    Examples
    --------
    >>> import pathlib, tempfile, fastnn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "log.csv")
    ...     log = fastnn.callbacks.CSVLogger(path)
    ...     log.on_train_begin()
    ...     log.on_epoch_end(0, {"loss": 0.5})
    ...     path.read_text()
    'epoch,loss\n0,0.5\n'
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        given: object = separator
        if not isinstance(given, str) or len(given) != 1 or given in '"\r\n':
            raise ValueError(f"CSVLogger: separator must be one character, got {separator!r}")
        self.separator = separator
        self.append = bool(append)
        self.keys: list[str] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin the file, or read the columns of the one to go on with."""
        os.makedirs(os.path.dirname(os.path.abspath(self.filename)), exist_ok=True)
        self.keys = []
        if self.append and os.path.exists(self.filename) and os.path.getsize(self.filename):
            header = self._read()[0]
            if header[:1] != ["epoch"]:
                raise ValueError(
                    f"CSVLogger: cannot append to {self.filename!r}: its first column is {header[0]!r}, "
                    f"expected 'epoch' and the separator {self.separator!r}; use another file or append=False"
                )
            self.keys = header[1:]
        else:
            open(self.filename, "w", encoding="utf-8").close()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's line."""
        logs = logs or {}
        new = [name for name in logs if name not in self.keys]
        if new or not os.path.getsize(self.filename):
            self.keys += new
            rows = self._read()
            pad = ["NA"] * len(new)
            self._write("w", [["epoch", *self.keys], *(row + pad for row in rows[1:])])
        self._write("a", [[str(epoch), *(_cell(logs.get(name, "NA")) for name in self.keys)]])

    def _read(self) -> list[list[str]]:
        with open(self.filename, newline="", encoding="utf-8") as file:
            return list(csv.reader(file, delimiter=self.separator))

    def _write(self, mode: str, rows: list[list[str]]) -> None:
        with open(self.filename, mode, newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=self.separator, lineterminator="\n").writerows(rows)


def _cell(value: Any) -> str:
    if getattr(value, "ndim", 0) > 0 or isinstance(value, (list, tuple)):
        return str(value.tolist() if hasattr(value, "tolist") else list(value))
    return str(value.item() if hasattr(value, "item") else value)
