"""The progress display: its lines, its bar, and when it is shown."""

import io
import os
import subprocess
import sys

import pytest

from fastnn import progress
from fastnn.progress import format_metric, format_seconds, make_progress, say


class Terminal(io.StringIO):
    def isatty(self):
        return True


def two_epochs(display, steps=5):
    for epoch in range(2):
        display.begin_epoch(epoch)
        for step in range(1, steps + 1):
            display.update(step, {"loss": 1 / step})
        display.end_epoch({"loss": 0.25, "val_accuracy": 0.5}, seconds=1.23)


LINES = (
    "Epoch 1/2\n5/5 - 1.2s - loss: 0.2500 - val_accuracy: 0.5000\n"
    "Epoch 2/2\n5/5 - 1.2s - loss: 0.2500 - val_accuracy: 0.5000\n"
)


def test_silent():
    file = io.StringIO()
    display = make_progress(0, 2, 5, file)
    two_epochs(display)
    assert file.getvalue() == "" and not display.wants_updates


@pytest.mark.parametrize("verbose", [2, "auto"])
def test_lines(verbose):
    file = io.StringIO()
    display = make_progress(verbose, 2, 5, file)
    two_epochs(display)
    assert file.getvalue() == LINES and not display.wants_updates


def test_lines_go_to_standard_output(capsys):
    two_epochs(make_progress("auto", 2, 5))
    assert capsys.readouterr().out == LINES


def test_quick_epochs_show_no_bar():
    file = Terminal()
    two_epochs(make_progress("auto", 2, 5, file))
    assert file.getvalue() == LINES


def test_bar_is_updated_at_most_ten_times_a_second(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    file = Terminal()
    display = make_progress(1, 1, 1000, file)
    assert display.wants_updates and display.interval == 0.1
    display.begin_epoch(0)
    refreshed = 0
    shown = len(file.getvalue())
    for step in range(1, 1001):
        now[0] += 0.002  # two seconds in all
        display.update(step, {"loss": 0.5})
        refreshed += len(file.getvalue()) > shown
        shown = len(file.getvalue())
    text = file.getvalue()
    assert 15 <= refreshed <= 20
    assert "loss: 0.5000" in text and "/1000 |" in text
    display.end_epoch({"loss": 0.4})
    last = file.getvalue()[shown:].split("\r")[-1]
    assert last == "1000/1000 - 2.0s - loss: 0.4000\n"


@pytest.mark.parametrize("verbose", [1, 2])
def test_unknown_number_of_steps(verbose, monkeypatch):
    monkeypatch.setattr(progress.BarProgress, "interval", 0.0)
    file = io.StringIO()
    display = make_progress(verbose, 3, None, file)
    display.begin_epoch(0)
    display.update(7, {"loss": 0.5})
    display.end_epoch({"loss": 0.5}, 0.5)
    assert file.getvalue().split("\r")[-1].endswith("7/7 - 0.5s - loss: 0.5000\n")
    display.begin_epoch(1)
    display.end_epoch({"loss": 0.5}, 0.5)
    assert file.getvalue().endswith("Epoch 2/3\n0.5s - loss: 0.5000\n")
    display.begin_epoch(2)
    display.end_epoch({"loss": 0.5}, 0.5, steps=8)
    assert file.getvalue().endswith("Epoch 3/3\n8/8 - 0.5s - loss: 0.5000\n")


def test_without_epochs_as_in_evaluate():
    file = io.StringIO()
    display = make_progress(2, None, 79, file)
    display.begin_epoch(0)
    display.end_epoch({"loss": 0.031}, 0.1)
    assert file.getvalue() == "79/79 - 0.1s - loss: 0.0310\n"


def test_interrupted_bar_is_taken_away(monkeypatch):
    monkeypatch.setattr(progress.BarProgress, "interval", 0.0)
    file = Terminal()
    with pytest.raises(KeyboardInterrupt), make_progress(1, 1, 10, file) as display:
        display.begin_epoch(0)
        display.update(1)
        raise KeyboardInterrupt
    assert display._bar is None
    display.close()


@pytest.mark.parametrize("verbose", [3, -1, "1", "yes", None, 0.5])
def test_other_verbose_values_are_refused(verbose):
    with pytest.raises(ValueError, match=r"verbose must be 0, 1, 2 or 'auto', got"):
        make_progress(verbose)


def test_closed_output_is_not_a_terminal():
    file = io.StringIO()
    file.close()
    assert not make_progress("auto", 1, 1, file).wants_updates


def test_say(capsys):
    say("hello")
    assert capsys.readouterr().out == "hello\n"


def test_formats():
    assert [format_seconds(s) for s in (0.00001, 0.0123, 0.54, 9.99, 99.9, 125, 3725)] == [
        "0.0s", "0.012s", "0.5s", "10.0s", "99.9s", "2m05s", "1h02m05s",
    ]  # fmt: skip
    assert [format_metric(v) for v in (0, 1.5, 0.001, 0.0005, -2e8, float("nan"), "x")] == [
        "0.0000", "1.5000", "0.0010", "5.0000e-04", "-2.0000e+08", "nan", "x",
    ]  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_bar_on_a_terminal_without_a_size():
    code = """
import time
from fastnn.progress import make_progress, say
display = make_progress("auto", 1, 10)
display.begin_epoch(0)
time.sleep(0.11)
display.update(3, {"loss": 0.5})
say("a callback speaks")
display.end_epoch({"loss": 0.25}, 0.2)
"""
    master, slave = os.openpty()  # 0 x 0, as in many containers
    path = os.pathsep.join(map(str, sys.path))
    subprocess.run(
        [sys.executable, "-c", code],
        stdout=slave,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path},
    )
    os.close(slave)
    text = os.read(master, 65536).decode()
    os.close(master)
    assert "3/10 |" in text and "- loss: 0.5000" in text
    assert "\ra callback speaks\r\n" in text
    assert text.endswith("10/10 - 0.2s - loss: 0.2500\r\n")
