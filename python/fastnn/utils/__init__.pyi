__all__: list[str]

from ._batches import PyDataset as PyDataset
from ._batches import Sequence as Sequence
from ._buckets import LengthBuckets as LengthBuckets
from ._labels import to_categorical as to_categorical
from ._plotting import plot_model as plot_model
from ._scaling import MinMaxScaler as MinMaxScaler
from ._scaling import StandardScaler as StandardScaler
from ._scaling import normalize as normalize
from ._seeding import set_random_seed as set_random_seed
from ._sequences import pad_sequences as pad_sequences
from ._splitting import train_val_test_indices as train_val_test_indices
from ._splitting import train_val_test_split as train_val_test_split
