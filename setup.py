"""Builds the accelerator, `quart._speedups.compiled`; pyproject.toml says the rest.

It is left out where it cannot be compiled, on Pythons that it is not made for, and with
QUART_PURE_PYTHON=1, which makes a wheel for every Python.
"""

import os
import platform
import sysconfig
import tempfile

from setuptools import Extension, setup


def extensions(directory: str) -> list[Extension]:
    """The extension, to be compiled from the C that Cython writes into a directory."""
    if (
        os.environ.get("QUART_PURE_PYTHON", "0") not in ("", "0")
        or platform.python_implementation() != "CPython"
        or sysconfig.get_config_var("Py_GIL_DISABLED")
    ):
        return []
    from Cython.Build import cythonize

    source = Extension("quart._speedups.compiled", ["src/quart/_speedups/compiled.pyx"])
    (extension,) = cythonize([source], build_dir=directory)
    extension.optional = True  # which Cython would forget
    return [extension]


# A directory of its own for each build: in one that stays, files of an older checkout stay, too.
with tempfile.TemporaryDirectory(prefix="quart-build-") as directory:
    setup(ext_modules=extensions(directory), options={"build": {"build_base": directory}})
