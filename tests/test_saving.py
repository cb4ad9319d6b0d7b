"""Models in files: round trips, interrupted writes, and files that are damaged, foreign or hostile."""

import errno
import json
import os
import stat
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import fastnn
from fastnn import _container, layers, saving


def small_model(name="net"):
    return fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(3, "relu", name="hidden"), layers.Dense(2, name="head")], name=name
    )


@pytest.fixture
def model():
    return small_model()


@pytest.fixture
def path(tmp_path, model):
    file = tmp_path / "model.safetensors"
    model.save(file)
    return file


X = np.random.default_rng(3).normal(size=(7, 4)).astype("float32")


def test_round_trip(model, path):
    loaded = saving.load_model(path)
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_safetensors_library_reads_it(model, path):
    tensors = safetensors.numpy.load_file(path)
    assert sorted(tensors) == ["head/bias", "head/kernel", "hidden/bias", "hidden/kernel"]
    np.testing.assert_array_equal(tensors["head/kernel"], model.get_layer("head").kernel.numpy())
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    assert metadata["format"] == "fastnn"
    assert metadata["format_version"] == "1"
    assert metadata["checksum"].startswith("sha256:")
    assert json.loads(metadata["config"])["class_name"] == "Sequential"


def test_nested_models_and_frozen_layers(tmp_path):
    inner = fastnn.Sequential([layers.Dense(3, name="dense")], name="inner")
    inner.trainable = False
    model = fastnn.Sequential([fastnn.Input((4,)), inner, layers.Dense(2, name="dense")])
    model.save(tmp_path / "m")
    assert set(model.named_weights()) == {
        "inner/dense/kernel",
        "inner/dense/bias",
        "dense/kernel",
        "dense/bias",
    }
    loaded = saving.load_model(tmp_path / "m")
    assert [w.trainable for w in loaded.weights] == [False, False, True, True]
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


def test_float64_models(tmp_path):
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Dense(2, dtype="float64")])
    model.save(tmp_path / "m")
    loaded = saving.load_model(tmp_path / "m")
    assert loaded.predict(X, verbose=0).dtype == np.float64
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_weights_alone(tmp_path, model):
    model.save_weights(tmp_path / "w")
    other = small_model()
    other.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises(ValueError, match="holds weights alone"):
        saving.load_model(tmp_path / "w")


def test_weights_of_a_model_made_twice_are_taken_in_order(tmp_path):
    def make():
        return fastnn.Sequential([fastnn.Input((4,)), layers.Dense(3), layers.Dense(2)])

    first, second = make(), make()
    assert not set(first.named_weights()) & set(second.named_weights())
    first.save_weights(tmp_path / "w")
    second.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(second.predict(X, verbose=0), first.predict(X, verbose=0))


def test_weights_that_do_not_fit(tmp_path, path):
    wider = fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(5, name="hidden"), layers.Dense(2, name="head")]
    )
    before = wider.get_weights()
    with pytest.raises(ValueError, match=r"'hidden/kernel' has shape \(4, 3\) in the file, but \(4, 5\)"):
        wider.load_weights(path)
    for a, b in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    wider.load_weights(path, skip_mismatch=True)
    np.testing.assert_array_equal(
        wider.get_layer("head").bias.numpy(), saving.load_model(path).get_layer("head").bias.numpy()
    )
    renamed = fastnn.Sequential(
        [fastnn.Input((4,)), layers.Dense(3, name="hiden"), layers.Dense(2, name="head")]
    )
    with pytest.raises(ValueError, match="no weight 'hiden/kernel'; did you mean 'hidden/kernel'"):
        renamed.load_weights(path)
    with pytest.raises(ValueError, match="not built yet"):
        fastnn.Sequential([layers.Dense(1)]).load_weights(path)


def test_unbuilt_models_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match="not built yet"):
        fastnn.Sequential([layers.Dense(1)]).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_overwrite(path, model):
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(path, overwrite=False)
    model.save(path)


# ---- writing ------------------------------------------------------------------------------------


def assert_whole(path, folder_entries=1):
    saving.load_model(path)
    assert len(list(path.parent.iterdir())) == folder_entries  # no temporary file stays


def test_old_file_stays_when_writing_fails(path, model, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(_container.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert_whole(path)


def test_read_only_disk(path, model, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EROFS, "Read-only file system")

    before = path.read_bytes()
    monkeypatch.setattr(_container.os, "open", refuse)
    with pytest.raises(OSError, match="Read-only file system"):
        model.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert_whole(path)


def test_old_file_stays_on_interrupt(path, model, monkeypatch):
    def interrupt(a, b):
        raise KeyboardInterrupt

    before = path.read_bytes()
    monkeypatch.setattr(_container.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.save(path)
    assert path.read_bytes() == before
    assert_whole(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_disk_that_fills_up(path):
    """A real write error: the process may write no more than a few bytes to any file."""
    script = f"""
        import resource, signal
        import fastnn
        model = fastnn.saving.load_model({str(path)!r})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            model.save({str(path)!r})
        except OSError:
            print("refused")
    """
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "refused"
    assert path.read_bytes() == before
    assert_whole(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(path, model):
    before = path.read_bytes()
    path.parent.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            model.save(path)
    finally:
        path.parent.chmod(0o700)
    assert path.read_bytes() == before


def test_missing_folder(tmp_path, model, monkeypatch):
    with pytest.raises(FileNotFoundError) as caught:
        model.save(tmp_path / "none" / "m")
    assert caught.value.filename == str(tmp_path / "none" / "m")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder 'nix', make it first: 'nix/x.safetensors'"):
        model.save("nix/x.safetensors")


def test_folder_as_target(tmp_path, model):
    for save in (model.save, model.save_weights):
        with pytest.raises(IsADirectoryError, match="give the path of a file"):
            save(tmp_path)
        with pytest.raises(TypeError, match=r"expected the path of a file, such as .*, got None"):
            save(None)
        with pytest.raises(TypeError, match="got ''"):
            save("")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_devices_and_pipes_are_not_replaced(tmp_path, model, monkeypatch):
    def replace(a, b):
        raise AssertionError("os.replace was called")

    monkeypatch.setattr(_container.os, "replace", replace)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for target in (tmp_path / "pipe", tmp_path / "link", "/dev/null"):
        with pytest.raises(OSError, match="a device or a pipe"):
            model.save(target)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_errors_name_the_users_path(path, model, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "temporary")

    monkeypatch.setattr(_container.os, "open", refuse)
    with pytest.raises(OSError, match="No space left") as caught:
        model.save(path)
    assert caught.value.filename == str(path)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_names_of_other_formats_warn(tmp_path, model, suffix):
    file = tmp_path / f"model{suffix}"
    with pytest.warns(UserWarning, match="is written as a .safetensors file") as caught:
        model.save(file)
    assert caught[0].filename == __file__
    saving.load_model(file)


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links and modes")
def test_links_and_modes_stay(tmp_path, path, model):
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    model.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert_whole(path, 2)


def test_own_optimizers_and_schedules(tmp_path):
    class Halving(fastnn.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 ** (1 + step)

        def get_config(self):
            return {}

    class Steady(fastnn.optimizers.SGD):
        pass

    model = small_model()
    model.compile(Steady(Halving()), "mse")
    model.fit(X, np.zeros((7, 2)), verbose=0)
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match="unknown optimizer 'Steady'.*registered"):
        saving.load_model(tmp_path / "m")
    loaded = saving.load_model(tmp_path / "m", custom_objects={"Steady": Steady, "Halving": Halving})
    assert type(loaded.optimizer) is Steady
    assert loaded.optimizer.learning_rate == 0.25
