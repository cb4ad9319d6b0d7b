"""Fashion-MNIST: small pictures of clothes, in the form of MNIST."""

from __future__ import annotations

from . import _quartet
from ._quartet import Part
from ._sources import DataFile, Source, StrPath

__all__ = ["CLASS_NAMES", "load_data"]

CLASS_NAMES: tuple[str, ...] = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""What the labels 0 to 9 stand for."""

_SOURCE = Source(
    name="fashion_mnist",
    title="Fashion-MNIST",
    url="https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    files=(
        DataFile(
            _quartet.TRAIN_IMAGES,
            sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        DataFile(
            _quartet.TRAIN_LABELS,
            sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            md5="25c81989df183df01b3e8a0aad5dffbe",
        ),
        DataFile(
            _quartet.TEST_IMAGES,
            sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            md5="bef4ecab320f06d8554ea6380940ec79",
        ),
        DataFile(
            _quartet.TEST_LABELS,
            sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            md5="bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
)


def load_data(path: StrPath | None = None) -> tuple[Part, Part]:
    """Load Fashion-MNIST, downloading it once if it is not on this machine.

    Fashion-MNIST [Xiao17]_ has 60,000 training and 10,000 test images of 28 x 28 grey pixels, labelled 0 to 9
    (`CLASS_NAMES` says what they show). The files are looked for in `path` alone if it is given; else in
    ``$FASTNN_DATA/fashion_mnist``, then in the cache (``$FASTNN_CACHE/fashion_mnist``, or
    ``~/.cache/fastnn/fashion_mnist``), into which they are downloaded (31 MB; needs the extra ``data``)
    if they are in neither. Their contents are verified, wherever they come from.

    Parameters
    ----------
    path : path, optional
        A folder with the four IDX files, each with ``.gz`` behind its name or without.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : tuple of tuples of numpy.ndarray
        uint8 arrays of shapes (60000, 28, 28), (60000,), (10000, 28, 28) and (10000,).

    Raises
    ------
    ValueError
        If a file is missing from `path`, is damaged, or is not the published one.
    RuntimeError
        If the files are not on this machine and cannot be downloaded; the message says where they were
        looked for and how to supply them.

    Notes
    -----
    By Han Xiao, Kashif Rasul and Roland Vollgraf, Zalando SE; MIT licence.

    References
    ----------
    .. [Xiao17] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
       learning algorithms", arXiv:1708.07747, 2017.

    Examples
    --------
    >>> from fastnn.datasets import fashion_mnist
    >>> (x_train, y_train), _ = fashion_mnist.load_data()  # doctest: +SKIP
    >>> y_train[0]  # doctest: +SKIP
    np.uint8(9)
    >>> fashion_mnist.CLASS_NAMES[9]
    'Ankle boot'
    """
    return _quartet.read_verified(_SOURCE.files, _SOURCE.folder(path))
