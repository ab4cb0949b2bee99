"""How Sphinx builds these pages: `tox -e docs`."""

from importlib.metadata import version as installed_version
from typing import Any

from sphinx.application import Sphinx

project = "Quart"
copyright = "2026, the Quart authors"
version = release = installed_version("quart")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
# A word between single backticks is code, in docstrings as in the pages.
default_role = "code"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
# What is taken over from Flask refers to pages of its documentation.
autodoc_inherit_docstrings = False

html_theme = "alabaster"
html_theme_options = {"description": "The Flask API on asyncio", "fixed_sidebar": True}
html_show_sourcelink = False


def name_inherited(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Add to a class the names that it has from Flask and Werkzeug, which document them."""
    if what != "class":
        return
    inherited: dict[str, list[str]] = {}
    for attribute in dir(obj):
        owner = next((cls for cls in obj.__mro__ if attribute in vars(cls)), object)
        if owner.__module__.partition(".")[0] in {"flask", "werkzeug"} and attribute[0] != "_":
            inherited.setdefault(f"{owner.__module__}.{owner.__name__}", []).append(attribute)
    for owner_name, attributes in inherited.items():
        names = ", ".join(f"``{attribute}``" for attribute in attributes)
        lines += ["", f"From ``{owner_name}``: {names}.", ""]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", name_inherited)
