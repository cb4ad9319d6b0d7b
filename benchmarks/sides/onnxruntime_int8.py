"""ONNX Runtime's side of reduced_precision.py --int8: seconds of predictions in float32 and quantised.

Run by an interpreter that has onnxruntime and onnx: python onnxruntime_int8.py NETWORK ROWS ROUNDS. The
networks have noise for weights; quantisation is static, to bytes and int8 with a scale for each output,
calibrated on noise. Prints JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

NETWORKS: dict[str, tuple[tuple[int, ...], list[tuple[Any, ...]]]] = {
    "large MLP": ((1024,), [("dense", 1024, 2048), ("dense", 2048, 2048), ("dense", 2048, 1000)]),
    "CNN": (
        (1, 28, 28),
        [("conv", 1, 32), ("conv", 32, 64), ("pool",), ("flatten",), ("dense", 9216, 128),
         ("dense", 128, 10)],
    ),
    "LeNet-5": (
        (1, 28, 28),
        [("conv", 1, 6), ("pool",), ("conv", 6, 16), ("pool",), ("flatten",), ("dense", 400, 120),
         ("dense", 120, 84), ("dense", 84, 10)],
    ),
}  # fmt: skip


def graph(name: str) -> Any:
    """The network, whose last layer has no activation."""
    shape, parts = NETWORKS[name]
    random = np.random.default_rng(0)
    nodes: list[Any] = []
    weights: list[Any] = []
    last = "x"

    def add(kind: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"v{len(nodes)}"], f"n{len(nodes)}", **attributes))
        return f"v{len(nodes) - 1}"

    for number, (kind, *sizes) in enumerate(parts):
        if kind == "pool":
            last = add("MaxPool", [last], kernel_shape=[2, 2], strides=[2, 2])
        elif kind == "flatten":
            last = add("Flatten", [last])
        else:
            first, second = sizes
            extents = (first, second) if kind == "dense" else (second, first, 3, 3)
            values = random.normal(size=extents) * (2.0 / (np.prod(extents) / second)) ** 0.5
            weights.append(numpy_helper.from_array(values.astype("float32"), f"w{number}"))
            weights.append(numpy_helper.from_array(np.zeros(second, "float32"), f"b{number}"))
            last = add("Gemm" if kind == "dense" else "Conv", [last, f"w{number}", f"b{number}"])
            if number < len(parts) - 1:
                last = add("Relu", [last])
    made = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", *shape))],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ("n", parts[-1][2]))], weights,
    )  # fmt: skip
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


class Noise(CalibrationDataReader):  # type: ignore[misc]
    """A batch to calibrate on."""

    def __init__(self, x: Any) -> None:
        self.batches = iter([{"x": x}])

    def get_next(self) -> Any:
        return next(self.batches, None)


def session(path: str, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def timed(run: Any, x: Any, rounds: int) -> float:
    """Median seconds of runs that take at least 20 ms each."""
    run.run(None, {"x": x})
    found: list[float] = []
    repeats = 1
    while len(found) < rounds:
        begin = time.perf_counter()
        for _ in range(repeats):
            run.run(None, {"x": x})
        took = time.perf_counter() - begin
        if took < 0.02:
            repeats *= 4
        else:
            found.append(took / repeats)
    return statistics.median(found)


def main() -> None:
    name, rows, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
    x = np.random.default_rng(1).random((rows, *NETWORKS[name][0])).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        exact, small = os.path.join(folder, "exact.onnx"), os.path.join(folder, "small.onnx")
        with open(exact, "wb") as file:
            file.write(graph(name).SerializeToString())
        quantize_static(
            exact, small, Noise(x[:256]), QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )  # fmt: skip
        found = {
            "float32": timed(session(exact, threads), x, rounds),
            "int8": timed(session(small, threads), x, rounds),
            "float32_one": timed(session(exact, 1), x[:1], rounds),
            "int8_one": timed(session(small, 1), x[:1], rounds),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
