"""ONNX Runtime's side: inference only, of a graph that is written here with noise for weights."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .cases import Prepared, synthetic


def _graph(name: str, batch: int) -> bytes:
    generator = np.random.default_rng(0)
    weights: list[Any] = []
    nodes: list[Any] = []

    def weight(label: str, *shape: int) -> str:
        values = generator.standard_normal(shape).astype(np.float32) * np.float32(0.1)
        weights.append(numpy_helper.from_array(values, label))
        return label

    def add(kind: str, inputs: list[str], **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"v{len(nodes)}"], **attributes))
        return f"v{len(nodes) - 1}"

    def dense(x: str, label: str, a: int, b: int) -> str:
        return add("Gemm", [x, weight(f"w{label}", a, b), weight(f"b{label}", b)])

    if name == "single_mlp":
        shape: tuple[int, ...] = (batch, 784)
        x = dense(add("Relu", [dense("x", "1", 784, 128)]), "2", 128, 10)
    else:
        shape = (batch, 1, 28, 28)
        x = "x"
        for label, (a, b) in enumerate(((1, 6), (6, 16))):
            x = add("Conv", [x, weight(f"k{label}", b, a, 3, 3), weight(f"c{label}", b)])
            x = add("MaxPool", [add("Relu", [x])], kernel_shape=[2, 2], strides=[2, 2])
        x = add("Flatten", [x])
        x = add("Relu", [dense(x, "3", 400, 120)])
        x = add("Relu", [dense(x, "4", 120, 84)])
        x = dense(x, "5", 84, 10)
    nodes[-1].output[0] = "y"
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (batch, 10))],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def prepare(name: str, data: str) -> Prepared:
    del data
    x, _ = synthetic(name)
    if x.ndim == 4:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    batch = min(len(x), 1000)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(_graph(name, batch), options, providers=["CPUExecutionProvider"])

    def call() -> None:
        for first in range(0, len(x), batch):
            session.run(None, {"x": x[first : first + batch]})

    return Prepared(call)
