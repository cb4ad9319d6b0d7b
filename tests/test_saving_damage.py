"""Damaged, foreign and hostile files: always a ValueError that names the file, never anything executed."""

import json
import struct
import sys

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def refused(path, match=None):
    with pytest.raises(ValueError, match=match) as caught:
        saving.load_model(path)
    assert str(path) in str(caught.value)


def rewrite(path, header=None, data=b"", change=None, length=None):
    """Write a safetensors file by hand."""
    if header is None:
        content = path.read_bytes()
        size = int.from_bytes(content[:8], "little")
        header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    if change is not None:
        change(header)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def test_truncated_anywhere(path):
    content = path.read_bytes()
    for length in [*range(0, 20), *range(20, len(content), 37), len(content) - 1]:
        path.write_bytes(content[:length])
        refused(path)


def test_every_changed_byte_is_noticed(path):
    content = path.read_bytes()
    for place in [*range(0, len(content), 5), len(content) - 1]:
        damaged = bytearray(content)
        damaged[place] ^= 0x21
        path.write_bytes(damaged)
        refused(path)


def test_appended_bytes(path):
    path.write_bytes(path.read_bytes() + b"\0")
    refused(path, "1 bytes more")


def test_checksum(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    refused(path, "checksum does not match")


def test_foreign_files(path):
    safetensors.numpy.save_file({"a": np.zeros(3, "float32")}, path)
    refused(path, "of another program: it has 1 tensors")
    safetensors.numpy.save_file({"a": np.zeros(3, "float16")}, path)
    refused(path)
    for content in (b"", b"PK\x03\x04" + b"\0" * 100, b"\x89HDF\r\n\x1a\n" + b"\0" * 100, b"{}" * 50):
        path.write_bytes(content)
        refused(path, "safetensors")
    with pytest.raises(FileNotFoundError):
        saving.load_model(path.parent / "nothing")
    with pytest.raises(OSError):
        saving.load_model(path.parent)


def test_newer_version(path):
    def newer(header):
        header["__metadata__"]["format_version"] = "2"

    rewrite(path, change=newer)
    refused(path, r"newer fastnn \(format version 2; this one reads up to 1\). Upgrade")


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 5000, "1.0"])
def test_odd_versions(path, version):
    rewrite(path, change=lambda header: header["__metadata__"].update(format_version=version))
    refused(path)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**12, 100_000_000, 0, 1])
def test_header_length(path, length):
    rewrite(path, length=length)
    refused(path, "header")


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"{\xff\xfe}",
        b'{"a": ' + b"9" * 10_000 + b"}",
        b'{"a": 1, "a": 2}',
        b"[]",
        b"null",
        b"{}",
        b'{"__metadata__": 3}',
        b'{"__metadata__": {"format": 3}}',
        b'{"__metadata__": {"format": "fastnn", "format_version": "1"}}',
    ],
)
def test_hostile_headers(path, header):
    rewrite(path, header, data=b"")
    refused(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [4_000_000_000], "data_offsets": [0, 16_000_000_000]},
        {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]},
        {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]},
        {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 16, 16]},
        {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4.0], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [True] * 4, "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": "4", "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [1] * 10_000, "data_offsets": [0, 4]},
        {"dtype": "F99", "shape": [4], "data_offsets": [0, 16]},
        {"dtype": ["F32"], "shape": [4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4]},
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], "code": "x"},
        [1, 2],
        None,
    ],
)
def test_hostile_entries(path, entry):
    header = {"__metadata__": {"format": "fastnn", "format_version": "1"}, "a": entry}
    rewrite(path, header, data=b"\0" * 16)
    refused(path)


def test_overlapping_tensors(path):
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    rewrite(path, {"a": entry, "b": entry}, data=b"\0" * 16)
    refused(path, "overlap")
    rewrite(path, {"a": entry, "b": {**entry, "data_offsets": [20, 36]}}, data=b"\0" * 36)
    refused(path, "gap")


def craft(path, config, tensors=None, **metadata):
    """Write a file whose checksum is right."""
    texts = {"config": config if isinstance(config, str) else json.dumps(config), "weights": "[]", **metadata}
    _container.write(path, tensors or {}, texts)


def sequential(*entries):
    return {"class_name": "Sequential", "config": {"name": "m", "layers": list(entries)}}


def entry(kind, **config):
    return {"class_name": kind, "config": config}


@pytest.mark.parametrize(
    "config",
    [
        "",
        "[",
        "null",
        "3",
        '"Sequential"',
        "[" * 100_000,
        {},
        {"class_name": "Sequential"},
        {"class_name": "Sequential", "config": {}},
        {"class_name": ["Sequential"], "config": {}},
        sequential(3),
        sequential("Dense"),
        sequential(entry("Dense", units=3)),
        sequential(entry("InputLayer", shape=[4]), entry("Dense", units=-1)),
        sequential(entry("InputLayer", shape=[4]), entry("Dense", units="many")),
        sequential(entry("InputLayer", shape=[4]), entry("Dense", unit=3)),
        sequential(entry("InputLayer", shape=[4]), entry("Dense", units=3, name=7)),
        sequential(entry("InputLayer", shape="abc"), entry("Dense", units=3)),
        sequential(entry("InputLayer", shape=[2**62, 2**62]), entry("Flatten"), entry("Dense", units=3)),
        sequential(entry("InputLayer", shape=[10**30]), entry("Dense", units=10**30)),
        sequential(entry("InputLayer", shape=[4]), entry("Dense", units=3, activation="os.system")),
        sequential(entry("InputLayer", shape=[4]), entry("Activation", activation={"class_name": "eval"})),
        entry("Dense", units=3),
        entry("Model", name="m"),
        entry("Layer", name="m"),
    ],
)
def test_hostile_configurations(path, config):
    craft(path, config)
    refused(path)


def test_billions_of_elements_are_not_allocated(path):
    craft(path, sequential(entry("InputLayer", shape=[10**6]), entry("Dense", units=10**6, name="huge")))
    refused(path, r"Dense 'huge': .* asks for a weight 'kernel' of shape \(1000000, 1000000\)")


def test_deep_nesting(path):
    config = entry("Dense", units=1, name="d")
    for i in range(3000):
        config = {"class_name": "Sequential", "config": {"name": f"m{i}", "layers": [config]}}
    sys.setrecursionlimit(20_000)
    try:
        text = json.dumps(config)
    finally:
        sys.setrecursionlimit(1000)
    craft(path, text)
    refused(path)


def test_unknown_class_is_named_and_not_executed(path):
    craft(path, sequential(entry("InputLayer", shape=[4]), entry("Evil", command="rm")))
    refused(path, "unknown layer class 'Evil'")
    craft(path, sequential(entry("InputLayer", shape=[4]), entry("Densee", units=1)))
    refused(path, "did you mean 'Dense'")


def test_names_that_are_no_classes(path):
    for name in ("os", "serialize", "deserialize", "Weight", "load_model", "__builtins__", "InputSpec"):
        craft(path, sequential(entry("InputLayer", shape=[4]), entry(name)))
        refused(path, "unknown layer class")


def test_own_classes(tmp_path):
    class Twice(layers.Layer):
        def __init__(self, factor=2, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs):
            return inputs

    model = fastnn.Sequential([fastnn.Input((4,)), Twice(3, name="twice"), layers.Dense(1)])
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match=r"unknown layer class 'Twice'.*registered"):
        saving.load_model(tmp_path / "m")
    loaded = saving.load_model(tmp_path / "m", custom_objects={"Twice": Twice})
    assert loaded.get_layer("twice").factor == 3
    with pytest.raises(ValueError, match="unknown layer class"):
        saving.load_model(tmp_path / "m")


def test_missing_and_additional_weights(tmp_path, path, model):
    tensors = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    fewer = {name: a for name, a in tensors.items() if name != "head/bias"}
    craft(path, metadata["config"], fewer)
    refused(path, "'bias' of shape \\(2,\\)")
    craft(path, metadata["config"], {**tensors, "more": np.zeros(3, "float32")})
    refused(path, "no weight 'more'")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzz(path, data):
    """Cuts, changed bytes and inserted bytes: always a ValueError, or the same model."""
    whole = path.with_suffix(".whole")
    if not whole.exists():
        whole.write_bytes(path.read_bytes())
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content)))
        kind = data.draw(st.sampled_from(["set", "insert", "cut", "digit"]))
        if kind == "set":
            content[place : place + 1] = bytes([data.draw(st.integers(0, 255))])
        elif kind == "insert":
            content[place:place] = data.draw(st.binary(min_size=1, max_size=9))
        elif kind == "cut":
            del content[place : place + data.draw(st.integers(1, 50))]
        else:
            place = max(content.find(b"0", place), 0)
            content[place : place + 1] = data.draw(
                st.sampled_from([b"9", b"1", b"-1", b"9999999999999", b"1e9"])
            )
    path.write_bytes(content)
    if content != whole.read_bytes():
        refused(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["class_name", "config", "layers", "name", "units", "shape"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_fuzz_configurations(path, config):
    craft(path, sequential(entry("InputLayer", shape=[4]), {"class_name": "Dense", "config": config}))
    refused(path)
    craft(path, config)
    refused(path)
