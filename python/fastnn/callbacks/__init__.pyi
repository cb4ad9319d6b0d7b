__all__: list[str]

from .averages import SwapEMAWeights as SwapEMAWeights
from .base import Callback as Callback
from .base import CallbackList as CallbackList
from .checkpoint import BackupAndRestore as BackupAndRestore
from .checkpoint import ModelCheckpoint as ModelCheckpoint
from .history import History as History
from .history import Timing as Timing
from .learning_rate import LearningRateScheduler as LearningRateScheduler
from .learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
from .logger import CSVLogger as CSVLogger
from .remote import RemoteMonitor as RemoteMonitor
from .stopping import EarlyStopping as EarlyStopping
from .stopping import TerminateOnNaN as TerminateOnNaN
from .tensorboard import TensorBoard as TensorBoard
from .user import LambdaCallback as LambdaCallback
