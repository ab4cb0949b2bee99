"""Show tox the interpreters that pyenv keeps, whose shims answer only to `PYENV_VERSION`."""

import os
from collections.abc import Iterator
from pathlib import Path

from tox.config.sets import ConfigSet
from tox.plugin import impl
from tox.session.state import State


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:
    """Add each of pyenv's interpreters to `--discover`, after those named on the command line."""
    state.conf.options.discover += [
        str(python)
        for root in dict.fromkeys(pyenv_roots())
        for python in sorted(root.glob("versions/3.*[0-9]/bin/python"))
    ]


def pyenv_roots() -> Iterator[Path]:
    """The directories in which pyenv may keep its versions."""
    yield Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for directory in map(Path, os.get_exec_path()):
        if directory.name == "shims":
            yield directory.parent
