"""Training and testing on OpenI (ModelArts): data comes from object storage, and outputs go
there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import tempfile
from typing import TYPE_CHECKING

from ...archives import is_archive, stem, unpack
from ...errors import ConfigError, DataError, I3DBoxError, first_line
from ...fileio import atomic_write, only_one, scratch_folder
from ...media.folder_index import rooted
from ...plain_json import PLAIN_NAME, check_form, parse_json
from ...registry import HOOKS
from .hook import Hook

if TYPE_CHECKING:
    from ...config import Config
    from ...evaluation.results import Results
    from ..run import Run

MISSING = (
    "moxing, which OpenI's images have, is not installed here; leave the addresses out on other "
    "machines, or name a function of your own, copy='module.function', that copies a file or "
    'folder from the one to the other'
)


@HOOKS.register
@dataclasses.dataclass(eq=False)
class OpenIHook(Hook):
    """Copies data sets and a checkpoint in before anything is read, and outputs out.

    Written against moxing's documentation (`moxing.file.copy_parallel` for folders,
    `moxing.file.copy` for files); not yet run on the platform.

    Args:
        data_url (str): a folder or an archive (.zip, .tar, .tar.gz), obs://... or s3://...; becomes
            `data_dir`, the data_root of every data set. On NPU clusters it is an archive.
        multi_data_url (str or list): several of them, as OpenI gives them: JSON, a list of
            {"dataset_url": ..., "dataset_name": ...}. Each becomes a folder in `data_dir` of its
            name without the extension; a single one is the data_root, of several `data_dir` is.
            `data_url` is then left alone.
        train_url (str): where the work_dir goes, after every `interval` epochs and at the end.
        ckpt_url (str): a checkpoint, or several joined by commas; each becomes checkpoints/<its
            name>, and a single one the config's load_from.
        result_url (str): where the scores of a test go, as results.pkl.
        data_dir (str): on this machine; refused where something lies there that the hook has not
            copied.
        interval (int): epochs.
        copy (str): 'moxing', or the dotted path of a function (source, target).

    Raises:
        ConfigError: (when called) no moxing. DataError: (when called) what cannot be copied.
    """

    priority = 90  # after the checkpoints

    data_url: str | None = None
    multi_data_url: str | list | None = None
    train_url: str | None = None
    ckpt_url: str | None = None
    result_url: str | None = None
    data_dir: str = 'data'
    interval: int = 1
    copy: str = 'moxing'

    def __post_init__(self):
        self.positive(interval=self.interval)
        for name in ('data_url', 'train_url', 'ckpt_url', 'result_url', 'data_dir', 'copy'):
            value = getattr(self, name)
            if not isinstance(value, (str, type(None))):
                raise ConfigError(f'OpenIHook: {name} is a text; got {value!r}')
        self.data_sets = _data_sets(self.multi_data_url)

    def prepare(self, cfg: Config) -> None:
        urls = self.data_url, self.data_sets, self.train_url, self.ckpt_url, self.result_url
        if any(urls):
            self._function(folder=True)  # its absence is told now and not after the training
        for name, url in self.data_sets.items():
            self._fetch(url, os.path.join(self.data_dir, name), folder=True)
        if self.data_url and not self.data_sets:
            self._fetch(self.data_url, self.data_dir, folder=True)
        if self.data_url or self.data_sets:
            found = rooted(cfg.get('data'))
            if not found:
                raise ConfigError(
                    'OpenIHook: data_url becomes the data_root of the data sets, and none of the '
                    "config's has one; point them at data_dir by --cfg-options"
                )
            # a single set is what the configs know as data_root
            single = self.data_sets if len(self.data_sets) == 1 else ()
            root = os.path.join(self.data_dir, *single)
            for dataset in found:
                dataset['data_root'] = root
        urls = [url for url in (self.ckpt_url or '').split(',') if url.strip()]
        for url in urls:
            path = os.path.join('checkpoints', os.path.basename(url.rstrip('/')))
            self._fetch(url, path, folder=False)
            if len(urls) == 1:
                cfg.load_from = path

    def after_epoch(self, run: Run) -> None:
        # then after_run sends it, and what hooks write last
        ends = run.step == run.total_steps or run.stop_reason
        if self.train_url and run.rank == 0 and run.epoch % self.interval == 0 and not ends:
            self._send(run.work_dir, self.train_url, folder=True)

    def after_run(self, run: Run) -> None:
        if self.train_url and run.rank == 0:
            self._send(run.work_dir, self.train_url, folder=True)

    def after_test(self, results: Results) -> None:
        if self.result_url:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, 'results.pkl')
                results.save(path)
                self._send(path, f'{self.result_url.rstrip("/")}/results.pkl', folder=False)

    def _fetch(self, source, target, folder):
        """Copies once per machine, however many ranks there are, and replaces nothing but earlier
        copies of its own.
        """
        target = os.path.normpath(target)
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        marker = f'{target}.copied'  # holds the source of what is there
        with only_one(f'{target}.lock'):
            own = os.path.exists(marker)
            if own and os.path.exists(target):
                with open(marker, encoding='utf-8') as file:
                    if file.read() == source:
                        return
            if not own:
                _check_replaceable(target, source, folder)
            with _copying(source, target), scratch_folder(target) as scratch:
                new = os.path.join(scratch, os.path.basename(target))
                if folder and is_archive(source):
                    archive = os.path.join(scratch, f'archive-{os.path.basename(source)}')
                    self._function(folder=False)(source, archive)
                    unpack(archive, new, called=source)
                else:
                    self._function(folder)(source, new)
                if os.path.lexists(target):
                    os.rename(target, f'{new}.earlier')  # it goes with the scratch folder
                # while nothing is there: if it ends here, it is copied anew
                atomic_write(marker, source)
                os.rename(new, target)

    def _send(self, source, target, folder):
        with _copying(source, target):
            self._function(folder)(source, target)

    def _function(self, folder):
        try:
            if self.copy == 'moxing':
                return getattr(
                    importlib.import_module('moxing').file, 'copy_parallel' if folder else 'copy'
                )
            module, _, name = self.copy.rpartition('.')
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            what = (
                MISSING
                if self.copy == 'moxing'
                else f'copy={self.copy!r} is no function: {first_line(error)}'
            )
            raise ConfigError(f'OpenIHook: {what}') from error


def _data_sets(value):
    """Returns {name of a folder: address} of what OpenI's --multi_data_url says."""
    try:
        entries = parse_json(value) if isinstance(value, str) else value or []
        check_form(entries, [dict(dataset_url=str, dataset_name=PLAIN_NAME)], 'multi_data_url')
    except ValueError as error:
        raise ConfigError(f'OpenIHook: multi_data_url: {error}') from error
    folders = {stem(entry['dataset_name']): entry['dataset_url'] for entry in entries}
    unusable = {'', '.', '..'} & set(folders) or '' in folders.values()
    if unusable or len(folders) < len(entries):
        raise ConfigError(
            'OpenIHook: multi_data_url: each dataset_url becomes a folder of its dataset_name '
            f'without the extension; these do not: {[entry["dataset_name"] for entry in entries]}'
        )
    return folders


def _check_replaceable(target, source, folder):
    """Raises DataError where something stands that the hook has not copied there, or that cannot be
    renamed.
    """
    way_out = 'name another data_dir, or move it away' if folder else 'move it away'
    if os.path.ismount(target):
        raise DataError(
            f'OpenIHook: {target} is a mount point and cannot be replaced: name a '
            'folder in it as data_dir'
        )
    if os.path.lexists(target) and not (os.path.isdir(target) and not os.listdir(target)):
        raise DataError(
            f'OpenIHook: {target} is there and was not copied by this hook (there is no '
            f'{target}.copied); {source} does not replace it: {way_out}'
        )


@contextlib.contextmanager
def _copying(source, target):
    try:
        yield
    except I3DBoxError:
        raise
    except Exception as error:  # moxing raises what it likes
        raise DataError(f'{source} cannot be copied to {target}: {first_line(error)}') from error
