"""What each request does with bytes and the like: compiled if that was built, else in Python.

`QUART_PURE_PYTHON=1` in the environment chooses Python; `quart --version` shows which one runs.
"""

from __future__ import annotations

import os

__all__ = (
    "COMPILED",
    "all_values",
    "decoded",
    "encoded",
    "find_cookie",
    "first_value",
    "is_in_one_line",
    "lazily",
    "put_all",
    "split_cookies",
    "split_query",
)

COMPILED = os.environ.get("QUART_PURE_PYTHON", "0") in ("", "0")
if COMPILED:
    try:
        from .compiled import (
            all_values,
            decoded,
            encoded,
            find_cookie,
            first_value,
            is_in_one_line,
            lazily,
            put_all,
            split_cookies,
            split_query,
        )
    except ImportError:  # it was not built
        COMPILED = False
if not COMPILED:
    from .pure import (
        all_values,
        decoded,
        encoded,
        find_cookie,
        first_value,
        is_in_one_line,
        lazily,
        put_all,
        split_cookies,
        split_query,
    )
