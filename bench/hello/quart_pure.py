"""What quart.py has, without the accelerator."""

import os

os.environ["QUART_PURE_PYTHON"] = "1"

from .quart import *  # noqa: F403
