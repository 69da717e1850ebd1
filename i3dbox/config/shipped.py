"""The configs that come with i3dbox, in a checkout and in an installed copy."""

from __future__ import annotations

import os

from ..errors import ConfigError, spelling_hint
from ..shipped_files import shipped_folder

PREFIX = 'i3dbox::'


def configs_folder() -> str:
    """Returns the folder of the shipped configs."""
    return shipped_folder('configs')


def resolve(name: str, folder: str) -> str:
    """Returns the absolute path of a config: of the shipped one for 'i3dbox::i3d_rgb_ucf101.py',
    else from `folder` on.
    """
    if name.startswith(PREFIX):
        folder = configs_folder()
        name = f'{name.removeprefix(PREFIX).removesuffix(".py")}.py'
    return os.path.abspath(os.path.join(folder, name))


def shipped_names() -> list[str]:
    """Returns the names of the shipped configs, such as 'i3d_rgb_ucf101'."""
    folder = configs_folder()
    files = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(file[:-3] for file in files if file.endswith('.py'))


def shipped_name(path: str | None) -> str | None:
    """Returns the name of the shipped config that a file is, or None."""
    folder, file = os.path.split(os.path.realpath(path or ''))
    is_one = folder == os.path.realpath(configs_folder()) and file.endswith('.py')
    return file[:-3] if is_one else None


def find_config(name: str) -> str:
    """Returns the path of the config file `name`, which stands for itself or for a shipped config.

    A relative path that does not exist is looked up among the shipped configs, with or without
    `configs/` before it and `.py` after it. Raises: ConfigError for a bare name of no shipped
    config; what is wrong with a path is for Config.fromfile to say.
    """
    if os.path.isfile(name) or os.path.isabs(name) or name.startswith(PREFIX):
        return name
    folder = configs_folder()
    parts = os.path.normpath(name).split(os.sep)
    short = os.path.join(*(parts[1:] if parts[0] == 'configs' and len(parts) > 1 else parts))
    for path in (os.path.join(folder, short), os.path.join(folder, f'{short}.py')):
        if os.path.isfile(path):
            return path
    near = spelling_hint(os.path.splitext(parts[-1])[0], shipped_names())
    bare = parts == [os.path.splitext(name)[0]] and not os.path.exists(name)
    if near or bare:
        raise ConfigError(
            f'config {name!r} is neither a file nor shipped with i3dbox.{near} '
            f'Shipped are: {", ".join(shipped_names())}'
        )
    return name
