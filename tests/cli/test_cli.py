"""The `fastnn` command, run in this process and as a program."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from fastnn.cli import main
from fastnn.datasets.idx import write_idx


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A folder with a small part of MNIST, as IDX files."""
    import fastnn

    folder = tmp_path_factory.mktemp("digits")
    (x, y), (xt, yt) = fastnn.datasets.mnist.load_data()
    write_idx(folder / "train-images-idx3-ubyte", x[:2000])
    write_idx(folder / "train-labels-idx1-ubyte", y[:2000])
    write_idx(folder / "t10k-images-idx3-ubyte", xt[:500])
    write_idx(folder / "t10k-labels-idx1-ubyte", yt[:500])
    return folder


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.mark.parametrize("model", ["lenet5", "mlp", "perceptron"])
def test_train_reports_and_saves(model, digits, tmp_path):
    out = tmp_path / "model.safetensors"
    done = run("train", model, "--data", digits, "--epochs", 2, "--out", out, "--verbose", 2)
    assert done.exit_code == 0, done.output
    for part in (
        "Epoch 2/2",
        "val_accuracy",
        "test accuracy",
        "macro avg",
        "confusion matrix",
        f"saved {out}",
    ):
        assert part in done.output
    assert out.exists()


def test_the_saved_model_evaluates_predicts_and_shows_itself(digits, tmp_path):
    out = tmp_path / "model.safetensors"
    trained = run("train", "mlp", "--data", digits, "--epochs", 2, "--out", out, "--verbose", 0)
    assert trained.exit_code == 0, trained.output
    evaluated = run("evaluate", out, "--data", digits)
    assert evaluated.exit_code == 0, evaluated.output
    line = next(line for line in trained.output.splitlines() if line.startswith("test loss"))
    assert line in evaluated.output

    from PIL import Image

    import fastnn

    _, (xt, yt) = fastnn.datasets.mnist.load_data()
    Image.fromarray(xt[0]).save(tmp_path / "small.png")
    Image.fromarray(xt[0]).resize((56, 56)).save(tmp_path / "large.png")
    Image.fromarray(255 - xt[0]).save(tmp_path / "dark.png")
    np.save(tmp_path / "three.npy", xt[:3])
    write_idx(tmp_path / "two-idx3-ubyte", xt[:2])
    for name, options in (
        ("small.png", []),
        ("dark.png", ["--invert"]),
        ("three.npy", []),
        ("two-idx3-ubyte", []),
    ):
        predicted = run("predict", out, tmp_path / name, *options)
        assert predicted.exit_code == 0, predicted.output
        assert f": {yt[0]} (" in predicted.output.splitlines()[0]
    assert "resized from 56x56" in run("predict", out, tmp_path / "large.png").output
    assert "Dense" in run("summary", out).output


def interrupted_after(epochs, monkeypatch):
    """Let Ctrl-C come at the end of an epoch."""
    import fastnn

    class Interrupt(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch + 1 == epochs:
                raise KeyboardInterrupt

    fit = fastnn.Sequential.fit
    monkeypatch.setattr(
        fastnn.Sequential, "fit", lambda self, *a, **k: fit(self, *a, callbacks=[Interrupt()], **k)
    )


@pytest.mark.parametrize("epochs", [(), ("--epochs", 4)], ids=["planned", "given"])
@pytest.mark.parametrize("model", ["perceptron", "mlp"])
def test_resume_gives_the_bits_of_an_unbroken_run(model, epochs, digits, tmp_path, monkeypatch):
    import fastnn

    whole, part, rest = (tmp_path / f"{name}.safetensors" for name in ("whole", "part", "rest"))
    common = ["--data", digits, "--verbose", 0, "--augment"]
    begin = ["train", model, *common, "--learning-rate", 0.01, "--epochs", 4]
    assert run(*begin, "--out", whole).exit_code == 0
    with monkeypatch.context() as patched:
        interrupted_after(2, patched)
        broken = run(*begin, "--out", part)
    assert broken.exit_code == 130, broken.output
    resumed = run("train", model, *common, "--resume", part, *epochs, "--out", rest)
    assert resumed.exit_code == 0, resumed.output
    assert "after 2 epochs, up to 4" in resumed.output
    unbroken, mended = fastnn.load_model(whole), fastnn.load_model(rest)
    for a, b in zip(unbroken.get_weights(), mended.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert unbroken.optimizer.iterations == mended.optimizer.iterations


def test_resume_beyond_the_plan(digits, tmp_path):
    out = tmp_path / "model.safetensors"
    common = ["--data", digits, "--verbose", 0, "--out", out]
    assert run("train", "perceptron", *common, "--epochs", 2).exit_code == 0
    more = run("train", "perceptron", *common, "--resume", out, "--epochs", 3)
    assert "after 2 epochs, up to 3" in more.output
    again = run("train", "perceptron", *common, "--resume", out, "--epochs", 3)
    assert again.exit_code == 2
    assert "trained for 3 epochs already" in again.output
    assert "after 3 epochs, up to 13" in run("train", "perceptron", *common, "--resume", out).output


def test_same_seed_same_file(digits, tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    for out in (first, second):
        done = run(
            "train",
            "mlp",
            "--data",
            digits,
            "--epochs",
            1,
            "--augment",
            "--seed",
            5,
            "--out",
            out,
            "--verbose",
            0,
        )
        assert done.exit_code == 0, done.output
    import fastnn

    for a, b in zip(
        fastnn.load_model(first).get_weights(), fastnn.load_model(second).get_weights(), strict=True
    ):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "lenet5", "--data", "/no/such/folder"], "neither a folder nor one of"),
        (["train", "lenet5", "--learning-rate", "-1"], "must be above 0 and finite, got -1"),
        (["train", "lenet5", "--optimizer", "adm"], "adam"),
        (["train", "lenet5", "--out", "/no/such/folder/model.safetensors"], "there is no folder"),
        (
            ["train", "lenet5", "--learning-rate", "inf"],
            "must be above 0 and finite, got inf",
        ),
        (["train", "lenet5", "--data", "/dev"], "--data /dev: "),
        (["train", "lenet5", "--out", "/dev/null"], "--out /dev/null: cannot save: this is a device"),
        (["train", "lenet6"], "lenet5"),
        (["train", "lenet5", "--epochs", "0"], "epochs"),
        (["train", "lenet5", "--resume", "missing.safetensors"], "does not exist"),
        (["evaluate", "missing.safetensors"], "does not exist"),
        (["predict", "missing.safetensors", "x.png"], "does not exist"),
    ],
)
def test_mistakes_end_in_one_clear_line(arguments, expected):
    done = run(*arguments)
    assert done.exit_code == 2
    assert expected in done.output
    assert "Traceback" not in done.output


def test_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    done = run("evaluate", path)
    assert done.exit_code == 2
    assert str(path) in done.output


def test_info():
    done = run("info")
    assert done.exit_code == 0, done.output
    for part in ("fastnn", "instruction set", "threads", "60000 training images"):
        assert part in done.output


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_saves_the_model_and_says_so(tmp_path):
    out = tmp_path / "model.safetensors"
    # Ctrl-C as in a terminal, even if whoever started the tests had it ignored.
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start += "from fastnn.cli import main; main()"
    command = [sys.executable, "-c", start, "train", "lenet5", "--epochs", "200", "--out", str(out)]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        [*command, "--verbose", "2"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        for line in program.stdout:
            if "Epoch 2/200" in line:
                break
        time.sleep(0.2)
        program.send_signal(signal.SIGINT)
        rest = program.stdout.read()
        code = program.wait(timeout=60)
    assert code == 130, rest
    assert "interrupted" in rest
    assert out.exists()


def test_profile_shows_where_the_time_goes(tmp_path):
    for arguments in (["mlp"], ["perceptron", "--inference"]):
        done = run("profile", *arguments, "--batch-size", 16)
        assert done.exit_code == 0, done.output
        assert "GFLOP/s" in done.output and "dense" in done.output
    done = run("profile", tmp_path / "absent.safetensors")
    assert done.exit_code == 2 and "neither a file nor one of" in done.output


def test_resume_refuses_the_file_of_another_model(tmp_path):
    import fastnn

    path = tmp_path / "mlp.safetensors"
    model = fastnn.models.mlp()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(path)
    done = run("train", "lenet5", "--resume", path, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "the saved model is no lenet5; fastnn train mlp goes on with it" in done.output
    other = fastnn.Sequential([fastnn.Input((28, 28)), fastnn.layers.Flatten(), fastnn.layers.Dense(3)])
    other.compile("adam", "sparse_categorical_crossentropy")
    other.save(path)
    done = run("train", "mlp", "--resume", path, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "the saved model is no mlp; fit goes on" in done.output


@pytest.fixture(scope="module")
def bright(tmp_path_factory):
    """A model of 4 x 4 pictures that says 1 where their mean is above 127, else 0."""
    import fastnn

    model = fastnn.Sequential([fastnn.Input((4, 4, 1)), fastnn.layers.Flatten(), fastnn.layers.Dense(2)])
    model.set_weights([np.stack([np.zeros(16), np.ones(16) / 16], axis=1), np.array([127.0, 0.0])])
    path = tmp_path_factory.mktemp("bright") / "bright.safetensors"
    model.save(path)
    return path


def test_predict_scales_fractions_and_fills_transparent_parts(bright, tmp_path):
    from PIL import Image

    np.save(tmp_path / "fractions.npy", np.full((2, 4, 4), 0.9))
    done = run("predict", bright, tmp_path / "fractions.npy")
    assert ": 1 (" in done.output.splitlines()[0] and "multiplied by 255" in done.output
    np.save(tmp_path / "bool.npy", np.ones((4, 4), bool))
    assert ": 1 (" in run("predict", bright, tmp_path / "bool.npy").output
    ink = np.zeros((4, 4, 4), np.uint8)
    ink[0, 0, 3] = 255  # one black pixel on nothing
    Image.fromarray(ink).save(tmp_path / "ink.png")
    done = run("predict", bright, tmp_path / "ink.png")
    assert ": 0 (" in done.output and "transparent parts taken as black" in done.output
    done = run("predict", bright, tmp_path / "ink.png", "--invert")  # white paper, turned to black
    assert ": 0 (" in done.output and "transparent parts taken as white" in done.output
    ink[..., :3] = 255
    ink[..., 3] = 255
    Image.fromarray(ink).save(tmp_path / "opaque.png")
    done = run("predict", bright, tmp_path / "opaque.png")
    assert ": 1 (" in done.output and "transparent" not in done.output
    deep = np.full((4, 4), 60000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert ": 1 (" in run("predict", bright, tmp_path / "deep.png").output


def test_predict_names_files_that_it_cannot_read(bright, tmp_path):
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.png")
    (tmp_path / "part.png").write_bytes((tmp_path / "whole.png").read_bytes()[:1500])
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    np.save(tmp_path / "large.npy", np.full((4, 4), 1000.0))
    (tmp_path / "text.npy").write_text("hello")
    for name in ("part.png", "objects.npy", "large.npy", "text.npy"):
        done = run("predict", bright, tmp_path / name)
        assert done.exit_code == 2, done.output
        assert done.output.startswith(f"error: {tmp_path / name} "), done.output


def test_predict_wants_a_score_for_each_class(tmp_path):
    import fastnn

    model = fastnn.Sequential([fastnn.Input((4, 4, 1)), fastnn.layers.Conv2D(2, 1)])
    model.save(tmp_path / "map.safetensors")
    np.save(tmp_path / "x.npy", np.zeros((4, 4)))
    done = run("predict", tmp_path / "map.safetensors", tmp_path / "x.npy")
    assert done.exit_code == 2
    assert "gives outputs of shape (None, 4, 4, 2), not a score for each class" in done.output


def test_evaluate_takes_models_without_metrics_and_refuses_what_does_not_classify(digits, tmp_path):
    import fastnn

    path = tmp_path / "model.safetensors"
    model = fastnn.models.perceptron()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.save(path)
    done = run("evaluate", path, "--data", digits)
    assert done.exit_code == 0 and "test accuracy" in done.output, done.output
    x = fastnn.Input((28, 28))
    flat = fastnn.layers.Flatten()(x)
    for outputs, expected in (
        (fastnn.layers.Dense(1)(flat), "gives outputs of shape (None, 1), not a score for each class"),
        (
            [fastnn.layers.Dense(2)(flat), fastnn.layers.Dense(3)(flat)],
            "1 inputs and 2 outputs, not one each",
        ),
    ):
        fastnn.Model(x, outputs).save(path)
        np.save(tmp_path / "x.npy", np.zeros((28, 28)))
        for command in (["evaluate", path, "--data", digits], ["predict", path, tmp_path / "x.npy"]):
            done = run(*command)
            assert done.exit_code == 2 and expected in done.output, done.output
