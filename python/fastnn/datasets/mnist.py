"""The MNIST database of handwritten digits, which comes with the package."""

from __future__ import annotations

from pathlib import Path

from . import _quartet
from ._quartet import Part
from ._sources import DataFile, StrPath

__all__ = ["load_data"]

_FOLDER = Path(__file__).parent / "data" / "mnist"
_FILES = tuple(
    DataFile(name, sha256, packed=True)
    for name, sha256 in (
        (_quartet.TRAIN_IMAGES, "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971"),
        (_quartet.TRAIN_LABELS, "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203"),
        (_quartet.TEST_IMAGES, "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be"),
        (_quartet.TEST_LABELS, "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b"),
    )
)


def load_data(path: StrPath | None = None) -> tuple[Part, Part]:
    """Load MNIST, or images of your own in MNIST's four files.

    MNIST [LeCun98]_ has 60,000 training and 10,000 test images of 28 x 28 grey pixels (0 is background, 255
    ink), labelled 0 to 9. Its files come with the package, and are verified when they are loaded.

    Parameters
    ----------
    path : path, optional
        A folder with IDX files to load instead: ``train-images-idx3-ubyte``,
        ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, each with
        ``.gz`` behind its name or without. Any images of 2 dimensions or more and any integer labels
        will do (so that MNIST's relatives can be loaded); only MNIST itself has known checksums, so
        these files are checked for their form alone.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of tuples of numpy.ndarray
        MNIST: uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28) and (10000,).

    Raises
    ------
    ValueError
        If a file is missing from `path`, is not an IDX file, is truncated or mislabelled, if images and
        labels differ in number, or if a file of the package has a wrong checksum.
    RuntimeError
        If the package was installed without its data.

    Notes
    -----
    By Yann LeCun, Corinna Cortes and Christopher J. C. Burges; licence CC BY-SA 3.0 (see ``LICENSE.txt``
    beside the files).

    References
    ----------
    .. [LeCun98] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86 (11), 2278-2324, 1998.

    Examples
    --------
    >>> from fastnn.datasets import mnist
    >>> (x_train, y_train), (x_test, y_test) = mnist.load_data()
    >>> x_train.shape, x_train.dtype, x_test.shape
    ((60000, 28, 28), dtype('uint8'), (10000, 28, 28))
    >>> y_train[:10]
    array([5, 0, 4, 1, 9, 2, 1, 3, 1, 4], dtype=uint8)
    """
    if path is not None:
        return _quartet.read_folder(path)
    try:
        return _quartet.read_verified(_FILES, _FOLDER)
    except FileNotFoundError as error:
        raise RuntimeError(
            f"fastnn was installed without MNIST: {error}. Install it with its data, or pass a folder "
            "that has the four files as 'path'."
        ) from error
