"""Every example runs as it stands."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
slow_here = pytest.mark.skipif("FASTNN_SANITIZED" in os.environ, reason="takes minutes under a sanitizer")


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@slow_here
def test_lenet5_example_reaches_its_accuracy():
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run(
        [sys.executable, EXAMPLES / "lenet5.py"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) > 0.98


@slow_here
def test_an_lstm_learns_from_rows(monkeypatch):
    example = load("lstm_rows_mnist")
    monkeypatch.setattr(example, "EPOCHS", 1)
    assert example.main() > 0.95  # 99.2 % after all of its epochs


@slow_here
def test_a_perceptron_never_learns_xor_and_four_hidden_units_do():
    xor = load("xor")
    assert max(xor.perceptron(seed) for seed in range(5)) <= 0.75
    results = [xor.network(seed) for seed in range(200)]
    # 197 where this was measured; the rounding of other instruction sets may move a start or two.
    assert sum(accuracy == 1.0 for accuracy, _ in results) >= 190
    for accuracy, predictions in results:
        assert predictions.shape == (4,)
        assert np.all((predictions >= 0) & (predictions <= 1))
        assert np.mean((predictions > 0.5) == xor.y.ravel()) == accuracy


@slow_here
def test_the_xor_listing_runs_as_written(capsys):
    listing = """
import numpy as np, fastnn
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype='float32'); y = np.array([[0], [1], [1], [0]], dtype='float32')
model = fastnn.Sequential([fastnn.layers.Input(shape=(2,)), fastnn.layers.Dense(4, activation='tanh'), fastnn.layers.Dense(1, activation='sigmoid')])
model.compile(optimizer=fastnn.optimizers.Adam(learning_rate=0.05), loss='binary_crossentropy', metrics=['accuracy'])
model.fit(X, y, batch_size=4, epochs=1000, verbose=0)
print(model.evaluate(X, y, verbose=0), model.predict(X, verbose=0).round(2).ravel())
"""
    exec(compile(listing, "listing", "exec"), {})
    assert capsys.readouterr().out.startswith("[")


@slow_here
def test_two_digits_at_once(capsys):
    first, total, larger = load("two_digits").main(samples=30_000, epochs=2)
    assert first > 0.95
    assert total > 0.45
    assert larger > 0.88
    assert "left, right" in capsys.readouterr().out  # what the shared layers are connected to


def test_the_character_lstm_learns_and_writes(monkeypatch):
    example = load("char_lstm")
    monkeypatch.setattr(example, "BATCH", 8)
    monkeypatch.setattr(example, "STEPS", 16)
    text = "the quick brown fox jumps over the lazy dog. " * 100
    characters = "".join(sorted(set(text)))
    ids = np.array([characters.index(c) for c in text], "uint8")
    monkeypatch.setattr(
        example.fastnn.datasets.tiny_shakespeare,
        "load_data",
        lambda path: (ids[:4000], ids[4000:], characters),
    )
    model, _, loss = example.train(4, verbose=False)
    assert loss < 2.5  # nothing learned: 3.3
    written = example.write(model, characters, "the ", 20)
    assert written.startswith("the ")
    assert len(written) == 24


def test_the_character_transformer_learns_and_writes(monkeypatch):
    example = load("char_transformer")
    text = "the quick brown fox jumps over the lazy dog. " * 200
    characters = "".join(sorted(set(text)))
    ids = np.array([characters.index(c) for c in text], "uint8")
    monkeypatch.setattr(
        example.fastnn.datasets.tiny_shakespeare,
        "load_data",
        lambda path: (ids[:8000], ids[8000:], characters),
    )
    model, found, loss = example.train(12, verbose=False)
    assert found == characters
    assert loss < 2.5  # nothing learned: 3.3
    written = example.write(model, characters, "the ", 20)
    assert written.startswith("the ")
    assert len(written) == 24


@slow_here
def test_the_heat_equation_is_solved():
    _, error = load("heat_equation").solve(epochs=10)
    assert error < 0.02


@slow_here
def test_two_models_train_against_each_other():
    gan = load("gan")
    images = np.random.default_rng(0).integers(0, 256, (512, 28, 28), dtype="uint8")
    generator, _, history = gan.train(images, steps=30, report=0)
    assert np.isfinite(history).all() and len(history) == 30
    assert generator.forward(np.zeros((2, gan.NOISE), "float32")).shape == (2, 784)
    assert history[-1][0] < history[0][0]  # noise is told from what is made


def test_the_residual_network_example_runs(data_folder, capsys):
    accuracy = load("resnet8_fashion").main(["--data", str(data_folder("fashion_mnist")), "--quick"])
    assert 0 < accuracy < 1
    assert "test accuracy" in capsys.readouterr().out


def test_the_deep_residual_network_example_runs(data_folder, capsys):
    accuracy = load("resnet20_cifar10").main(["--data", str(data_folder("cifar10_jpeg")), "--quick"])
    assert 0 <= accuracy < 1
    assert "test accuracy" in capsys.readouterr().out


def test_the_recommendation_example_runs(data_folder, capsys):
    folder = str(data_folder("movielens_latest_small"))
    results = load("neumf_movielens").main(["--data", folder, "--quick"])
    assert list(results) == ["popularity", "matrix factorisation", "NeuMF"]
    assert all(0.3 < gain < hit_rate < 1 for hit_rate, gain in results.values())
    assert "HR@10" in capsys.readouterr().out


def test_the_sentiment_example_runs(data_folder):
    accuracy = load("imdb_text_cnn").main(["--data", str(data_folder("imdb")), "--quick"])
    assert 0.4 < accuracy < 1


def test_the_spoken_digits_example_runs(data_folder):
    accuracy = load("spoken_digits").main(["--data", str(data_folder("fsdd")), "--quick"])
    assert 0 < accuracy < 1


@pytest.mark.parametrize("said", [range(10), range(0, 10, 2)])
def test_spoken_digits_adapt_to_a_speaker_whose_sixes_resemble_eights(said):
    random = np.random.default_rng(0)
    digits = np.repeat(list(said), random.integers(20, 60, len(said)))
    scores = 6 * np.eye(10)[digits] + 0.5 * random.standard_normal((len(digits), 10))
    scores[digits == 6, 8] += 6.5  # three quarters of them are taken for eights
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    assert np.mean(scores.argmax(axis=1)[digits == 6] == 6) < 0.5
    assert np.mean(load("spoken_digits").adapted(scores).argmax(axis=1) == digits) == 1


@slow_here
@pytest.mark.parametrize("kind", ["seq2seq", "transformer"])
def test_the_translation_example_runs(data_folder, capsys, kind):
    for package in ("sentencepiece", "sacrebleu"):
        pytest.importorskip(package, reason=f"the example of translation needs {package}")
    folder = str(data_folder("multi30k"))
    scores = load("translate_multi30k").main(["--data", folder, "--quick", "--model", kind])
    assert all(0 <= score < 100 for score in scores)
    assert "BLEU on validation" in capsys.readouterr().out
