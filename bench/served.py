"""The application that a server serves: `plain` of the file in `apps/` that BENCH_APPS names."""

import importlib
import os

app = importlib.import_module(f"apps.{os.environ['BENCH_APPS']}").plain()
