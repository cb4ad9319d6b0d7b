"""The programs of benchmarks/native: what they say to bad arguments and files; a short run of each."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.datasets.idx import write_idx

ROOT = Path(__file__).parents[2]
PACKAGE = Path(fastnn.__file__).parent
PROGRAMS = ROOT / "benchmarks" / "native"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        pytest.skip("needs a C++ compiler")
    if os.environ.get("LD_PRELOAD"):
        pytest.skip("the compiler would run under the preloaded sanitizer")
    library = next(iter([*PACKAGE.glob("libfastnn.so"), *PACKAGE.glob("libfastnn.dylib")]), None)
    if library is None:
        pytest.skip("needs libfastnn beside the package")
    folder = tmp_path_factory.mktemp("programs")
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", f"-I{ROOT / 'csrc'}", f"-I{PROGRAMS}"]
    link = [str(library), f"-Wl,-rpath,{PACKAGE}"]

    def run(name, *arguments):
        built = folder / name
        if not built.exists():
            done = subprocess.run(
                [compiler, *flags, str(PROGRAMS / f"{name}.cpp"), "-o", str(built), *link],
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
        return subprocess.run([str(built), *map(str, arguments)], capture_output=True, text=True)

    return run


def write_part(folder, images, labels):
    for name in ("train", "t10k"):
        write_idx(folder / f"{name}-images-idx3-ubyte", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels)


@pytest.fixture
def digits(tmp_path):
    rng = np.random.default_rng(0)
    write_part(tmp_path, rng.integers(0, 256, (64, 28, 28), np.uint8), rng.integers(0, 10, 64, np.uint8))
    return tmp_path


def assert_refused(done, *parts):
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    for part in parts:
        assert part in done.stderr


def test_short_runs(program, digits):
    done = program("train_lenet5", digits, 1, 16, 1)
    assert done.returncode == 0, done.stderr
    assert "epoch 1:" in done.stdout
    done = program("time_ops", 2, 1, "softmax")
    assert done.returncode == 0, done.stderr
    assert "softmax 1000" in done.stdout


@pytest.mark.parametrize("arguments", [["0"], ["-1"], ["x"], ["1e3"], ["128", "0"], ["128", "two"]])
def test_counts_are_checked(program, digits, arguments):
    assert_refused(program("time_ops", *arguments), "must be a whole number between 1 and", arguments[-1])
    assert_refused(program("train_lenet5", digits, 1, *arguments), "must be a whole number between 1 and")


def test_unknown_cases_are_named(program):
    assert_refused(program("time_ops", 1, 1, "no such op"), "no case has 'no such op'", "dense 400 -> 120")


def test_missing_and_zipped_files(program, tmp_path):
    assert_refused(program("train_lenet5"), "usage:")
    assert_refused(program("train_lenet5", tmp_path), "cannot open", "gunzip")
    data = Path(fastnn.datasets.mnist.__file__).parent / "data" / "mnist"
    for file in data.glob("*.gz"):
        shutil.copy(file, tmp_path / file.stem)
    assert_refused(program("train_lenet5", tmp_path), "is zipped still")


def test_damaged_files(program, digits):
    images, labels = digits / "train-images-idx3-ubyte", digits / "train-labels-idx1-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-5])
    assert_refused(program("train_lenet5", digits), str(images), "truncated or damaged")
    images.write_bytes(whole[:7])
    assert_refused(program("train_lenet5", digits), str(images), "is no IDX file")
    images.write_bytes(whole[:4] + b"\xff" * 12 + whole[16:])
    assert_refused(program("train_lenet5", digits), str(images), "truncated or damaged")
    images.write_bytes(labels.read_bytes())
    assert_refused(program("train_lenet5", digits), str(images), "is no IDX file of bytes with 3 dimension")
    write_part(digits, np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8))
    assert_refused(program("train_lenet5", digits), "holds 3 images", "2 labels")
    write_part(digits, np.zeros((2, 28, 28), np.uint8), np.full(2, 10, np.uint8))
    assert_refused(program("train_lenet5", digits), "holds the label 10, expected 0 to 9")
    write_part(digits, np.zeros((2, 27, 28), np.uint8), np.zeros(2, np.uint8))
    assert_refused(program("train_lenet5", digits), "27 x 28 pixels, expected 28 x 28")
