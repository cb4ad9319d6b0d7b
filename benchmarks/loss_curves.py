"""Loss curves beside a reference: the same weights, batches and optimizer in PyTorch, in float64.

Every training case of `peers.py` is trained for some steps four times: by fastnn in float32 and float64, and
by PyTorch in float64 (the reference) and float32 (which tells how far rounding alone carries a run away). All
begin with fastnn's initial weights and see the same batches. The table says how far each curve is from the
reference at most, in shares of the loss.

    python benchmarks/loss_curves.py        # needs PyTorch
    python benchmarks/loss_curves.py --json benchmarks/results/loss_curves.json \
        --picture docs/images/loss_curves.png
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from peers import machine  # noqa: E402
from sides import fastnn_side, torch_side  # noqa: E402
from sides.cases import CASES  # noqa: E402
from torch import nn  # noqa: E402

import fastnn  # noqa: E402

NETWORKS = ("lenet5", "mlp", "cnn", "mlp_wide", "mlp_tiny", "lstm", "gru", "transformer", "resnet8")
FLATTENED = {"lenet5": (5, 5, 16), "cnn": (12, 12, 64)}
"""What `Flatten` flattens: PyTorch has channels first there."""
EPSILON = 1e-7
"""Adam's, as Keras has it; PyTorch's own default is 1e-8."""


class _PadAfter(nn.Module):
    """A 3x3 convolution of stride two that pads the far sides alone, as Keras' padding="same" does."""

    def __init__(self, conv: Any) -> None:
        super().__init__()
        self.conv = conv
        conv.padding = (0, 0)

    def forward(self, x: Any) -> Any:
        return self.conv(nn.functional.pad(x, (0, 1, 0, 1)))


def data(name: str, steps: int) -> tuple[Any, Any]:
    """Make inputs and labels that can be learnt, for all steps of a case."""
    case = CASES[name]
    generator = np.random.default_rng(0)
    n = case.batch * steps
    if name == "mlp_tiny":
        x = generator.standard_normal((case.batch, 4))
        return np.tile(x, (steps, 1)), np.tile(np.sin(x @ generator.standard_normal((4, 4))), (steps, 1))
    if name == "mlp_wide":
        x = generator.standard_normal((n, 1024))
        return x, (x @ generator.standard_normal((1024, 1000))).argmax(1)
    if name == "transformer":
        after = generator.integers(0, 65, (65, 3))  # each token is followed by one of three
        ids = np.zeros((n, 65), int)
        ids[:, 0] = generator.integers(0, 65, n)
        for t in range(64):
            ids[:, t + 1] = after[ids[:, t], generator.integers(0, 3, n)]
        return ids[:, :-1], ids[:, 1:]
    (x, y), _ = fastnn.datasets.mnist.load_data()
    x, y = x[:n] / 255.0, y[:n].astype(int)
    if name == "resnet8":
        return np.repeat(np.pad(x, ((0, 0), (2, 2), (2, 2)))[..., None], 3, axis=3), y
    return (x if name in ("lstm", "gru") else x[..., None]), y


def fastnn_losses(name: str, x: Any, y: Any, steps: int, weights: Any, dtype: str) -> list[float]:
    before = fastnn.config.floatx()
    fastnn.config.set_floatx(dtype)
    try:
        model = fastnn_side.network(name)
        loss: Any = fastnn.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(fastnn.optimizers.Adam(1e-3, epsilon=EPSILON), "mse" if name == "mlp_tiny" else loss)
        model.set_weights(weights)
        batch = CASES[name].batch
        rows = [slice(i * batch, (i + 1) * batch) for i in range(steps)]
        if x.dtype.kind == "f":
            x = x.astype(dtype)
        y = y.astype(dtype if name == "mlp_tiny" else "int32")
        x = x.astype("int32") if name == "transformer" else x
        return [float(model.train_on_batch(x[r], y[r])) for r in rows]
    finally:
        fastnn.config.set_floatx(before)


def torch_losses(name: str, x: Any, y: Any, steps: int, weights: Any, dtype: Any) -> list[float]:
    model = torch_side.network(name).to(dtype)
    model.train()
    give(name, model, [torch.tensor(w, dtype=dtype) for w in weights])
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3, eps=EPSILON)
    criterion = nn.MSELoss() if name == "mlp_tiny" else nn.CrossEntropyLoss()
    batch, made = CASES[name].batch, []
    for i in range(steps):
        rows = slice(i * batch, (i + 1) * batch)
        inputs, labels = torch.tensor(x[rows]), torch.tensor(y[rows])
        inputs = inputs.permute(0, 3, 1, 2) if inputs.ndim == 4 else inputs
        inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
        labels = labels.to(dtype) if labels.is_floating_point() else labels
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels.flatten() if name == "transformer" else labels)
        loss.backward()
        optimizer.step()
        made.append(loss.item())
    return made


def give(name: str, model: Any, weights: list[Any]) -> None:
    """Give fastnn's weights, in its order and shapes, to PyTorch's network of the same case."""
    left = iter(weights)

    def put(parameter: Any, value: Any) -> None:
        with torch.no_grad():
            assert parameter.shape == value.shape, (parameter.shape, value.shape)
            parameter.copy_(value)

    def norm(module: Any) -> None:
        put(module.weight, next(left))
        put(module.bias, next(left))

    def linear(module: Any, shape: tuple[int, ...] | None = None) -> None:
        kernel = next(left)
        if shape is not None:
            kernel = kernel.reshape(*shape, -1).permute(2, 0, 1, 3).reshape(kernel.shape)
        put(module.weight, kernel.T)
        put(module.bias, next(left))

    if name in ("lstm", "gru"):
        cell = model.cell
        kernel, recurrent, bias = next(left), next(left), next(left)
        order = [0, 1, 2, 3] if name == "lstm" else [1, 0, 2]  # GRU: Keras has z, r, h; PyTorch r, z, n

        def gates(value: Any) -> Any:
            return torch.cat([value.split(128, dim=-1)[k] for k in order], dim=-1)

        put(cell.weight_ih_l0, gates(kernel).T)
        put(cell.weight_hh_l0, gates(recurrent).T)
        put(cell.bias_ih_l0, gates(bias) if name == "lstm" else gates(bias[0]))
        put(cell.bias_hh_l0, torch.zeros_like(gates(bias)) if name == "lstm" else gates(bias[1]))
        if name == "lstm":
            cell.bias_hh_l0.requires_grad_(False)  # Keras has one bias
        linear(model.head)
    elif name == "transformer":
        put(model.embed.weight, next(left))
        put(model.positions, next(left))
        for block in model.blocks:
            query, key, value = [(next(left).reshape(128, 128), next(left).reshape(128)) for _ in range(3)]
            put(block.qkv.weight, torch.cat([query[0].T, key[0].T, value[0].T]))
            put(block.qkv.bias, torch.cat([query[1], key[1], value[1]]))
            put(block.out.weight, next(left).reshape(128, 128).T)
            put(block.out.bias, next(left))
            norm(block.norm1)
            linear(block.feed[0])
            linear(block.feed[2])
            norm(block.norm2)
        norm(model.norm)
        linear(model.head)
    else:
        shape = FLATTENED.get(name)
        for module in list(model.modules()):
            if isinstance(module, nn.Conv2d):
                put(module.weight, next(left).permute(3, 2, 0, 1))
                if module.bias is not None:
                    put(module.bias, next(left))
            elif isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3
                norm(module)
                put(module.running_mean, next(left))
                put(module.running_var, next(left))
            elif isinstance(module, nn.Linear):
                linear(module, shape)
                shape = None
        for parent in list(model.modules()):
            for key, child in list(parent.named_children()):
                if isinstance(child, nn.Conv2d) and child.stride == (2, 2) and child.kernel_size == (3, 3):
                    setattr(parent, key, _PadAfter(child))
    if name == "transformer":
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = 1e-5
    assert next(left, None) is None


def deviation(curve: list[float], reference: list[float]) -> float:
    """Return the largest difference of two curves, as a share of the reference's loss."""
    a, b = np.array(curve), np.array(reference)
    return float((np.abs(a - b) / np.abs(b)).max())


def picture(cases: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = -(-len(cases) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(11, 2.7 * rows), layout="constrained", squeeze=False)
    for axis, (name, case) in zip(axes.flat, cases.items(), strict=False):
        axis.plot(case["losses"]["PyTorch float64"], "k-", lw=2, alpha=0.4, label="PyTorch float64")
        axis.plot(case["losses"]["fastnn float32"], "C0--", lw=1, label="fastnn float32")
        own, noise = case["deviation"]["fastnn float32"], case["deviation"]["PyTorch float32"]
        axis.set_title(f"{name}: {own:.1e} (PyTorch float32: {noise:.1e})", fontsize=9)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    figure.suptitle(
        "Training loss; in titles the largest relative distance from PyTorch float64", fontsize=10
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", default=",".join(NETWORKS), help="cases, with commas between")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    cases: dict[str, Any] = {}
    for name in args.case.split(","):
        fastnn.random.set_seed(0)
        x, y = data(name, args.steps)
        weights = fastnn_side.network(name).get_weights()
        losses = {
            "PyTorch float64": torch_losses(name, x, y, args.steps, weights, torch.float64),
            "PyTorch float32": torch_losses(name, x, y, args.steps, weights, torch.float32),
            "fastnn float64": fastnn_losses(name, x, y, args.steps, weights, "float64"),
            "fastnn float32": fastnn_losses(name, x, y, args.steps, weights, "float32"),
        }
        reference = losses["PyTorch float64"]
        distance = {side: deviation(curve, reference) for side, curve in losses.items()}
        cases[name] = {"deviation": distance, "losses": losses}
        print(
            f"{name:<12} loss {reference[0]:.4f} to {reference[-1]:.4f}; largest relative distance from it: "
            + ", ".join(f"{side} {far:.1e}" for side, far in distance.items() if side != "PyTorch float64"),
            flush=True,
        )
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        made = {"machine": machine(), "torch": torch.__version__, "steps": args.steps, "cases": cases}
        args.json.write_text(json.dumps(made) + "\n")
    if args.picture:
        picture(cases, args.picture)


if __name__ == "__main__":
    main()
