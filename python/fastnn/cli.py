"""The `fastnn` command: train, evaluate, predict, summary, profile, info."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from typing import Any

import click
import numpy as np
import numpy.typing as npt

import fastnn

Array = npt.NDArray[Any]

# Epochs, batch size and peak learning rate of each ready model, chosen on a validation split.
_RECIPES = {"lenet5": (10, 64, 2e-3), "mlp": (10, 64, 1e-3), "perceptron": (10, 64, 0.5)}
_OPTIMIZERS = {"lenet5": "adam", "mlp": "adam", "perceptron": "sgd"}
_VALIDATION = 0.1
_INTERRUPTED = 130  # what shells expect of a program that Ctrl-C ended


class _Command(click.Group):
    """Turns errors of the library into one line and exit code 2."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # whoever read the output has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(1)
        except (ValueError, TypeError, RuntimeError, OSError, ImportError) as error:
            if context.params.get("debug"):
                raise
            click.echo(f"error: {error}", err=True)
            context.exit(2)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(fastnn.__version__, prog_name="fastnn")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
def main(debug: bool) -> None:
    """Train and use small neural networks, fast, on CPUs."""
    del debug


def _threads(context: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
    del context, parameter
    if value is not None:
        fastnn.set_num_threads(value)
    return value


_thread_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    callback=_threads,
    expose_value=False,
    help="Threads to use; all cores by default.",
)
_data_option = click.option(
    "--data",
    default="mnist",
    show_default=True,
    help="'mnist' (in the package), 'fashion_mnist', or a folder with four IDX files.",
)


def _load(data: str) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Images and labels of a named set or of a folder."""
    if os.path.isdir(data):
        try:
            return fastnn.datasets.mnist.load_data(data)
        except ValueError as error:
            why = str(error).removeprefix("argument 'path': ")
            raise ValueError(f"--data {data}: {why}") from error
    if data == "mnist":
        return fastnn.datasets.mnist.load_data()
    if data in ("fashion_mnist", "fashion-mnist"):
        return fastnn.datasets.fashion_mnist.load_data()
    raise ValueError(f"--data {data!r} is neither a folder nor one of 'mnist', 'fashion_mnist'")


@main.command()
@click.argument("model", type=click.Choice(sorted(_RECIPES)))
@_data_option
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Default: the model's recipe; with --resume what the run was begun with. The rate's fall is spread "
    "over all of them.",
)
@click.option("--batch-size", type=click.IntRange(min=1), help="Default: the model's recipe.")
@click.option("--optimizer", help="Name of an optimizer; default: the model's recipe.")
@click.option("--learning-rate", type=float, help="Peak rate; it falls to 0 along half a cosine.")
@click.option("--augment", is_flag=True, help="Shift, turn, zoom and distort the images at random.")
@click.option("--seed", type=int, default=0, show_default=True, help="Fixes weights, order and augmentation.")
@click.option(
    "--validation-split", type=click.FloatRange(0, 1, max_open=True), default=_VALIDATION, show_default=True
)
@click.option("--resume", type=click.Path(exists=True, dir_okay=False), help="Go on training a saved model.")
@click.option("--out", type=click.Path(dir_okay=False), help="Where to save; default: MODEL.safetensors.")
@click.option("--verbose", type=click.IntRange(0, 2), help="0 silent, 1 bar, 2 a line an epoch.")
@_thread_option
def train(
    model: str,
    data: str,
    epochs: int | None,
    batch_size: int | None,
    optimizer: str | None,
    learning_rate: float | None,
    augment: bool,
    seed: int,
    validation_split: float,
    resume: str | None,
    out: str | None,
    verbose: int | None,
) -> None:
    """Train MODEL on images of digits (or on --data) and save it.

    The last part of the training images is held out for validation; the test images are looked at once,
    at the end.
    """
    started = time.perf_counter()
    out = out or f"{model}.safetensors"
    _refuse_unwritable(out)
    (x, y), (xt, yt) = _load(data)
    recipe_epochs, recipe_batch, recipe_rate = _RECIPES[model]
    batch_size = batch_size or recipe_batch
    steps = -(-(len(x) - round(len(x) * validation_split)) // batch_size)
    fastnn.utils.set_random_seed(seed)
    done = 0
    if resume:
        if optimizer is not None:
            raise ValueError("--resume goes on with the optimizer of the saved model: leave --optimizer away")
        network = fastnn.load_model(resume)
        if network.get_compile_config() is None:
            raise ValueError(f"--resume {resume}: the model was saved without its training state")
        _refuse_other_model(model, network, resume)
        done = network.epochs_run
        peak, planned = _saved_plan(network, steps, recipe_rate, recipe_epochs)
        if epochs is None:
            epochs = planned if done < planned else done + recipe_epochs
        if epochs <= done:
            raise ValueError(f"--epochs {epochs}: {resume} was trained for {done} epochs already; give more")
        click.echo(f"resuming {resume} after {done} epochs, up to {epochs}")
    else:
        network = getattr(fastnn.models, model)(input_shape=_image_shape(model, x), classes=_classes(y, yt))
        epochs, peak = epochs or recipe_epochs, recipe_rate
        network.compile(
            optimizer or _OPTIMIZERS[model], "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
    peak = peak if learning_rate is None else learning_rate
    if not 0 < peak < math.inf:
        raise ValueError(f"--learning-rate must be above 0 and finite, got {peak}")
    network.optimizer.learning_rate = fastnn.optimizers.schedules.CosineDecay(peak, epochs * steps)
    augmentation = (
        fastnn.Augmentation(shift=0.08, rotation=10, zoom=0.1, elastic=(20, 5)) if augment else None
    )
    interrupted = False
    fit_started = time.perf_counter()
    try:
        network.fit(
            x,
            y,
            batch_size=batch_size,
            epochs=epochs,
            initial_epoch=done,
            validation_split=validation_split,
            verbose="auto" if verbose is None else verbose,
            augment=augmentation,
        )
    except KeyboardInterrupt:
        interrupted = True
        click.echo("\ninterrupted: saving the model as it is", err=True)
    trained = time.perf_counter() - fit_started
    network.save(out)
    if not interrupted:
        _report(network, xt, yt)
    click.echo(f"trained in {trained:.1f} s, {time.perf_counter() - started:.1f} s in all; saved {out}")
    if interrupted:
        sys.exit(_INTERRUPTED)


def _saved_plan(network: Any, steps: int, peak: float, epochs: int) -> tuple[float, int]:
    """Peak rate and number of epochs that a saved model was to be trained with, as far as it tells."""
    rate = network.optimizer.get_config()["learning_rate"]
    if not isinstance(rate, dict):
        return rate, epochs
    schedule = rate.get("config", rate)
    if rate.get("class_name") == "CosineDecay":
        epochs = max(1, round(schedule["decay_steps"] / steps))
    return schedule.get("initial_learning_rate", peak), epochs


def _image_shape(model: str, x: Array) -> tuple[int, ...]:
    """Shape of one image as the model takes it: LeNet-5 with channels, the others as it is."""
    return (*x.shape[1:], 1) if model == "lenet5" and x.ndim == 3 else x.shape[1:]


def _classes(*labels: Array) -> int:
    return max(int(part.max()) for part in labels) + 1


def _refuse_unwritable(out: str) -> None:
    """Say now, and not after minutes of training, that the file cannot be written."""
    from fastnn._container import check_target

    try:
        folder = os.path.dirname(check_target(out))
    except OSError as error:
        raise ValueError(f"--out {out}: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise ValueError(f"--out {out}: the folder {folder} cannot be written to")


def _refuse_other_model(name: str, network: Any, resume: str) -> None:
    """Say that a saved model is not the one that the command names."""

    def structure(model: Any) -> list[Any]:
        kinds = [type(layer).__name__ for layer in model.layers if type(layer).__name__ != "InputLayer"]
        return [kinds, [weight.shape for weight in model.weights]]

    found = structure(network)
    like = []
    for recipe, arguments in [*((name, {}) for name in _RECIPES), ("lenet5", {"variant": "3x3"})]:
        with contextlib.suppress(ValueError, TypeError):  # of shapes that this model does not take
            expected = getattr(fastnn.models, recipe)(
                input_shape=network.input_shape[1:], classes=network.output_shape[-1], **arguments
            )
            if structure(expected) == found:
                like.append(recipe)
    if name not in like:
        cure = f"fastnn train {like[0]} goes on with it" if like else "fit goes on with it, in Python"
        raise ValueError(f"--resume {resume}: the saved model is no {name}; {cure}")


def _refuse_no_classifier(path: str, network: Any) -> None:
    """Say that a saved model does not give a score for each class of one input."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        counts = f"{len(network.inputs)} inputs and {len(network.outputs)} outputs"
        raise ValueError(f"{path} has {counts}, not one each")
    shape = network.outputs[0].shape
    if len(shape) != 2 or (shape[1] or 0) < 2:
        raise ValueError(f"{path} gives outputs of shape {shape}, not a score for each class")


def _report(network: Any, x: Array, y: Array) -> None:
    loss = network.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    predicted = network.predict(x, verbose=0).argmax(axis=1)
    right = int((predicted == y).sum())
    click.echo(f"test loss {loss:.4f}, test accuracy {right / len(y):.4f} ({right} of {len(y)})")
    click.echo(fastnn.reports.classification_report(y, predicted, digits=4))
    click.echo("confusion matrix (rows: true class, columns: predicted)")
    for row in fastnn.reports.confusion_matrix(y, predicted):
        click.echo(" ".join(f"{count:5d}" for count in row))


@main.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
@_data_option
@_thread_option
def evaluate(model: str, data: str) -> None:
    """Evaluate the saved MODEL on test images: loss, accuracy, a report of each class, confusion matrix."""
    network = fastnn.load_model(model)
    _refuse_no_classifier(model, network)
    _, (xt, yt) = _load(data)
    if network.get_compile_config() is None:
        network.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    _report(network, xt, yt)


@main.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False), metavar="IMAGE..."
)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="Classes to show.")
@click.option(
    "--invert", is_flag=True, help="For dark ink on light paper, where the model knows the reverse."
)
@_thread_option
def predict(model: str, images: tuple[str, ...], top: int, invert: bool) -> None:
    """Classify IMAGEs (PNG, JPEG, PGM and others, .npy, or IDX) with the saved MODEL."""
    network = fastnn.load_model(model)
    _refuse_no_classifier(model, network)
    shape = network.input_shape[1:]
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(f"{model} takes inputs of shape {network.input_shape}, which are not images")
    from fastnn._pictures import read_pictures

    for path in images:
        pictures, note = read_pictures(path, shape, 255 if invert else 0)
        if invert:
            pictures = 255 - pictures
        scores = network.predict(pictures.reshape(-1, *network.input_shape[1:]), verbose=0)
        for number, row in enumerate(scores):
            best = np.argsort(-row)[:top]
            ranked = ", ".join(f"{label} ({row[label]:.4f})" for label in best)
            name = path if len(scores) == 1 else f"{path}[{number}]"
            click.echo(f"{name}: {ranked}{note}")


@main.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False))
def summary(model: str) -> None:
    """Show the layers of the saved MODEL."""
    fastnn.load_model(model, compile=False).summary(print_fn=click.echo)


@main.command()
@click.argument("model")
@click.option("--batch-size", type=click.IntRange(min=1), default=128, show_default=True)
@click.option("--inference", is_flag=True, help="Time evaluation instead of training steps.")
@_thread_option
def profile(model: str, batch_size: int, inference: bool) -> None:
    """Show where the time of a training step goes; MODEL is a saved model, or lenet5, mlp, perceptron."""
    if model in _RECIPES:
        network = getattr(fastnn.models, model)()
    elif os.path.isfile(model):
        network = fastnn.load_model(model)
    else:
        raise ValueError(f"{model} is neither a file nor one of {', '.join(_RECIPES)}")
    if network.get_compile_config() is None:
        network.compile("adam", "sparse_categorical_crossentropy")
    click.echo(str(network.profile(batch_size=batch_size, training=not inference)))


@main.command()
def info() -> None:
    """Show version, instruction sets, threads and data."""
    from fastnn import _core

    click.echo(f"fastnn {fastnn.__version__}, core compiled by {_core.compiler}")
    click.echo(f"instruction set {_core.current_isa()} (available: {', '.join(_core.available_isas())})")
    click.echo(f"threads {fastnn.num_threads()}")
    click.echo(f"Python {sys.version.split()[0]}, NumPy {np.__version__}")
    (x, _), _ = fastnn.datasets.mnist.load_data()
    click.echo(f"MNIST found: {len(x)} training images")


if __name__ == "__main__":
    main()
