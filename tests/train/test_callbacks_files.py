"""Callbacks that write files, tried on a stand-in for a model."""

import csv
import importlib
import json
import os
import warnings

import numpy as np
import pytest
from train.callback_fakes import FakeModel, losses, run

from fastnn.callbacks import (
    BackupAndRestore,
    CallbackList,
    CSVLogger,
    ModelCheckpoint,
    TensorBoard,
)


def test_csv_logger(tmp_path):
    path = tmp_path / "new" / "log.csv"
    run([CSVLogger(path)], losses(3.0, 2.0))
    assert path.read_text() == "epoch,loss,val_loss\n0,1.0,3.0\n1,1.0,2.0\n"
    run([CSVLogger(path)], losses(9.0))
    assert path.read_text() == "epoch,loss,val_loss\n0,1.0,9.0\n"


def test_csv_logger_append_new_columns_missing_values_and_separator(tmp_path):
    path = tmp_path / "log.csv"
    run([CSVLogger(path, separator=";", append=True)], [{"loss": 1.0}])
    run(
        [CSVLogger(path, separator=";", append=True)],
        [{}, {"loss": np.float32(0.5), "val_loss": 2, "cm": np.eye(2)}, {"val_loss": 1}],
        initial_epoch=1,
    )
    with open(path, newline="") as file:
        assert list(csv.reader(file, delimiter=";")) == [
            ["epoch", "loss", "val_loss", "cm"],
            ["0", "1.0", "NA", "NA"],
            ["1", "0.5", "2", "[[1.0, 0.0], [0.0, 1.0]]"],
            ["2", "NA", "1", "NA"],
        ]


def test_csv_logger_refuses(tmp_path):
    for separator in ("", ",,", '"', 3):
        with pytest.raises(ValueError, match="separator"):
            CSVLogger(tmp_path / "x.csv", separator=separator)
    (tmp_path / "foreign.csv").write_text("name,age\n")
    with pytest.raises(ValueError, match="cannot append"):
        run([CSVLogger(tmp_path / "foreign.csv", append=True)], losses(1))
    assert (tmp_path / "foreign.csv").read_text() == "name,age\n"


def test_checkpoint_every_epoch_with_names(tmp_path):
    check = ModelCheckpoint(tmp_path / "sub" / "m-{epoch:02d}-{val_loss:.2f}.safetensors")
    run([check], losses(0.256, 0.1))
    assert sorted(os.listdir(tmp_path / "sub")) == ["m-01-0.26.safetensors", "m-02-0.10.safetensors"]
    assert check.last_path.endswith("m-02-0.10.safetensors")


def test_checkpoint_best_only_weights_only_and_threshold(tmp_path, capsys):
    path = str(tmp_path / "best-{epoch}")
    check = ModelCheckpoint(path, save_best_only=True, save_weights_only=True, verbose=1)
    model, _ = run([check], losses(3, 4, 2))
    assert model.saved == [f"weights:{tmp_path}/best-1", f"weights:{tmp_path}/best-3"]
    out = capsys.readouterr().out
    assert "val_loss improved from 3 to 2" in out and "did not improve on 3" in out
    check = ModelCheckpoint(path, save_best_only=True, initial_value_threshold=2.5)
    model, _ = run([check], losses(3, 2))
    assert model.saved == [f"{tmp_path}/best-2"]
    check = ModelCheckpoint(path, monitor="val_accuracy", save_best_only=True)
    model, _ = run([check], losses(0.5, 0.4, 0.6, name="val_accuracy"))
    assert model.saved == [f"{tmp_path}/best-1", f"{tmp_path}/best-3"]


def test_checkpoint_every_n(tmp_path):
    model, _ = run([ModelCheckpoint(tmp_path / "{epoch}", every_n_epochs=2)], losses(*range(5)))
    assert [os.path.basename(p) for p in model.saved] == ["2", "4"]
    check = ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=4)
    assert CallbackList(check).needs_batches
    model, _ = run([check], losses(1, 1), batches=5)
    assert [os.path.basename(p) for p in model.saved] == ["1-4", "2-3"]


def test_checkpoint_warns_or_refuses(tmp_path):
    with pytest.warns(UserWarning, match="'val_loss' is not available"):
        model, _ = run([ModelCheckpoint(tmp_path / "m", save_best_only=True)], [{"loss": 1}])
    assert model.saved == []
    with pytest.raises(ValueError, match=r"needs 'val_los', .*available are: loss, val_loss, epoch"):
        run([ModelCheckpoint(tmp_path / "{val_los}")], losses(1))
    for arguments in ({"save_freq": 0}, {"save_freq": "batch"}, {"every_n_epochs": 0}, {"mode": "best"}):
        with pytest.raises(ValueError, match=f"ModelCheckpoint: {next(iter(arguments))}"):
            ModelCheckpoint(tmp_path / "m", **arguments)
    with pytest.raises(ValueError, match="not a valid format"):
        ModelCheckpoint("m-{epoch")


def test_backup_restores_after_an_interruption(tmp_path):
    folder = tmp_path / "backup"
    with pytest.raises(KeyboardInterrupt):
        run([BackupAndRestore(folder)], losses(*range(5)), die_after=2)
    assert os.listdir(folder) == ["backup.safetensors"]
    backup = BackupAndRestore(folder)
    model, history = run([backup], losses(*range(5)))
    assert history.epoch == [3, 4] and backup.restored_epoch == 3
    assert model.weights[0][0] == 5
    assert not folder.exists()


def test_backup_keeps_the_last_whole_file_when_saving_fails(tmp_path):
    model = FakeModel()

    def failing_save(path, save=model.save):
        save(path)
        if model.epochs_done == 2:
            raise OSError("disk full")

    model.save = failing_save
    with pytest.raises(OSError, match="disk full"):
        run([BackupAndRestore(tmp_path)], losses(*range(3)), model)
    assert os.listdir(tmp_path) == ["backup.safetensors"]
    assert json.loads((tmp_path / "backup.safetensors").read_text())["epoch"] == 1


def test_backup_options(tmp_path):
    run([BackupAndRestore(tmp_path / "a", delete_checkpoint=False)], losses(1))
    assert os.listdir(tmp_path / "a") == ["backup.safetensors"]
    backup = BackupAndRestore(tmp_path / "b", save_freq=2)
    assert CallbackList(backup).needs_batches
    model, _ = run([backup], losses(1), batches=5)
    assert len(model.saved) == 2
    with pytest.raises(ValueError, match="save_freq"):
        BackupAndRestore(tmp_path, -1, True, delete_checkpoint=False)
    with pytest.raises(ValueError, match="backup_dir"):
        BackupAndRestore("")


def test_tensorboard_writes_events(tmp_path):
    pytest.importorskip("tensorboardX")
    board = TensorBoard(
        tmp_path, 1, False, False, write_steps_per_second=True, update_freq=2, profile_batch=0
    )
    assert CallbackList(board).needs_batches
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tensorboardX's own
        run([board], losses(1.0, 0.5), batches=4)
    for part in ("train", "validation"):
        (events,) = (tmp_path / part).iterdir()
        content = events.read_bytes()
        assert b"epoch_loss" in content
        assert (b"batch_loss" in content) == (b"dense/0" in content) == (part == "train")


def test_tensorboard_without_tensorboardx_or_with_bad_arguments(monkeypatch, tmp_path):
    def missing(name):
        raise ImportError(name)

    with pytest.raises(ValueError, match="update_freq"):
        TensorBoard(tmp_path, update_freq="step")
    for unsupported in ({"write_images": True}, {"profile_batch": (2, 4)}, {"embeddings_freq": 1}):
        (name,) = unsupported
        with pytest.raises(ValueError, match=f"TensorBoard: {name}=.* is not supported"):
            TensorBoard(tmp_path, **unsupported)
    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r"pip install 'fastnn\[tensorboard\]'"):
        TensorBoard(tmp_path)
