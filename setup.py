"""Builds the accelerator, `quart._speedups.compiled`; pyproject.toml says the rest.

It is left out where it cannot be compiled, on Pythons that it is not made for, and with
QUART_PURE_PYTHON=1, which makes a wheel for every Python. QUART_SANITIZE=1 makes one that ends the
process where memory is misused, behaviour is undefined or an assertion of CPython's headers fails;
tests/fuzz/run.py loads the sanitizers before it.
"""

import os
import platform
import sysconfig
import tempfile

from setuptools import Extension, setup

SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-UNDEBUG", "-O1", "-g"]


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
    if os.environ.get("QUART_SANITIZE", "0") in ("", "0"):
        extension.optional = True  # which Cython would forget
    else:
        extension.extra_compile_args = SANITIZED
    return [extension]


# A directory of its own for each build: in one that stays, files of an older checkout stay, too.
with tempfile.TemporaryDirectory(prefix="quart-build-") as directory:
    setup(ext_modules=extensions(directory), options={"build": {"build_base": directory}})
