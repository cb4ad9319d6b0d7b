"""A callback that sends the epochs' metrics to a server."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from fastnn.callbacks.base import Callback, Logs

_SECONDS = 10.0


class RemoteMonitor(Callback):
    """Send the epoch and every metric to a server, by HTTP POST, at the end of each epoch.

    Training goes on where the server cannot be reached; a warning says so.

    Parameters
    ----------
    root : str, default "http://localhost:9000"
        Where the server is.
    path : str, default "/publish/epoch/end/"
        Where on the server to send to.
    field : str, default "data"
        Name of the form's field that holds the values as JSON.
    headers : mapping of str to str, optional
        Further HTTP headers.
    send_as_json : bool, default False
        Whether to send the JSON itself, as application/json, and not in a form.

    Examples
    --------
    >>> import fastnn
    >>> monitor = fastnn.callbacks.RemoteMonitor(root="http://localhost:9000", send_as_json=True)
    >>> monitor.url
    'http://localhost:9000/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        if not str(root).lower().startswith(("http://", "https://")):
            raise ValueError(f"RemoteMonitor: root must begin with http:// or https://, got {root!r}")
        self.root = str(root)
        self.path = str(path)
        self.field = str(field)
        self.headers = None if headers is None else {str(k): str(v) for k, v in headers.items()}
        self.send_as_json = bool(send_as_json)

    @property
    def url(self) -> str:
        """Where the values go."""
        return self.root + self.path

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Send the epoch's values."""
        from urllib.error import URLError
        from urllib.parse import urlencode
        from urllib.request import Request, urlopen

        values = {"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}}
        text = json.dumps(values)
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        body = text if self.send_as_json else urlencode({self.field: text})
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = Request(self.url, body.encode(), headers, method="POST")
        try:
            with urlopen(request, timeout=_SECONDS):
                pass
        except (URLError, OSError, ValueError) as error:
            warnings.warn(
                f"RemoteMonitor: could not send epoch {epoch} to {self.url}: {error}",
                UserWarning,
                stacklevel=2,
            )


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    return value
