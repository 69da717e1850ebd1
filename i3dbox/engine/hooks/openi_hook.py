"""Training and testing on OpenI (ModelArts): data comes from object storage, and outputs go there."""

import importlib
import os

from ...errors import ConfigError, DataError, first_line
from ...fileio import only_one
from ...registry import HOOKS
from .hook import Hook

MISSING = ("moxing, which OpenI's images have, is not installed here; leave the addresses out on other machines, or name "
           "a function of your own, copy='module.function', that copies a file or folder from the one to the other")


@HOOKS.register
class OpenIHook(Hook):
    """Copies data sets and a checkpoint in before anything is read, and outputs out.

    Written against moxing's documentation (`moxing.file.copy_parallel` for folders, `moxing.file.copy` for files);
    not yet run on the platform.

    Args:
        data_url (str): a folder, obs://... or s3://...; becomes `data_dir`, the data_root of every data set.
        train_url (str): where the work_dir goes, after every `interval` epochs and at the end.
        ckpt_url (str): a checkpoint; becomes checkpoints/<its name>, and the config's load_from.
        result_url (str): where the scores of a test go, as results.pkl.
        data_dir (str): on this machine. interval (int): epochs.
        copy (str): 'moxing', or the dotted path of a function (source, target).

    Raises:
        ConfigError: (when called) no moxing. DataError: (when called) what cannot be copied.
    """

    priority = 90  # behind the checkpoints

    def __init__(self, data_url=None, train_url=None, ckpt_url=None, result_url=None, data_dir='data', interval=1,
                 copy='moxing'):
        super().__init__()
        self.data_url, self.train_url, self.ckpt_url, self.result_url = data_url, train_url, ckpt_url, result_url
        self.data_dir, self.interval, self.copy = data_dir, self.positive(interval=interval), copy

    def prepare(self, cfg):
        if any((self.data_url, self.train_url, self.ckpt_url, self.result_url)):
            self._function(folder=True)  # its absence is told now and not after the training
        if self.data_url:
            self._fetch(self.data_url, self.data_dir, folder=True)
            for dataset in _datasets(cfg.get('data') or {}):
                dataset['data_root'] = self.data_dir
        if self.ckpt_url:
            path = os.path.join('checkpoints', os.path.basename(self.ckpt_url.rstrip('/')))
            self._fetch(self.ckpt_url, path, folder=False)
            cfg.load_from = path

    def after_epoch(self, run):
        if self.train_url and run.rank == 0 and run.epoch % self.interval == 0:
            self._copy(run.work_dir, self.train_url, folder=True)

    def after_run(self, run):
        if self.train_url and run.rank == 0:
            self._copy(run.work_dir, self.train_url, folder=True)

    def after_test(self, results):
        if self.result_url:
            results.save('results.pkl')
            self._copy('results.pkl', f'{self.result_url.rstrip("/")}/results.pkl', folder=False)

    def _fetch(self, source, target, folder):
        """Copies once a machine, however many ranks there are."""
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        done = f'{target}.copied'
        with only_one(f'{target}.lock'):
            if not os.path.exists(done):
                self._copy(source, target, folder)
                with open(done, 'w', encoding='utf-8') as file:
                    file.write(source)

    def _copy(self, source, target, folder):
        try:
            self._function(folder)(source, target)
        except ConfigError:
            raise
        except Exception as error:  # moxing raises what it likes
            raise DataError(f'{source} cannot be copied to {target}: {first_line(error)}') from error

    def _function(self, folder):
        if self.copy != 'moxing':
            module, _, name = self.copy.rpartition('.')
        else:
            module, name = 'moxing', None
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            raise ConfigError(f'OpenIHook: {MISSING if name is None else first_line(error)}') from error
        return getattr(found, name) if name else getattr(found.file, 'copy_parallel' if folder else 'copy')


def _datasets(data):
    """The configs of data sets in `data`, those within two-stream ones too, that have a data_root."""
    for part in data.values():
        if isinstance(part, dict):
            if 'data_root' in part:
                yield part
            yield from _datasets(part)
