"""How Sphinx builds these pages: `tox -e docs`."""

import sys
import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for those of this directory

project = "Quart"
copyright = "2026, the Quart authors"
version = release = installed_version("quart")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_click",
    "public_names",
    "site_files",
    "versions",
]
exclude_patterns = ["_build"]
# A word between single backticks is code, in docstrings as in the pages.
default_role = "code"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"no-value": True}
# What is taken over from Flask refers to pages of its documentation.
autodoc_inherit_docstrings = False

# The lists of names of other projects are kept here, so that a build needs no network.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", "inventories/python.inv"),
    "flask": ("https://flask.palletsprojects.com/en/stable", "inventories/flask.inv"),
    "werkzeug": ("https://werkzeug.palletsprojects.com/en/stable", "inventories/werkzeug.inv"),
    "jinja": ("https://jinja.palletsprojects.com/en/stable", "inventories/jinja.inv"),
    "click": ("https://click.palletsprojects.com/en/stable", "inventories/click.inv"),
}

copybutton_prompt_text = r"^\$ |^>>> |^\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = False

html_theme = "furo"
html_title = f"Quart {version}"
html_static_path = ["_static"]
html_css_files = ["quart.css"]
html_search_scorer = str(HERE / "_static/scorer.js")
html_favicon = "_static/favicon.svg"
html_theme_options = {
    "light_logo": "logo-light.svg",
    "dark_logo": "logo-dark.svg",
    "sidebar_hide_name": True,
}
html_show_sourcelink = False
# Each page has a link to its source as soon as pyproject.toml says where the repository is.
_project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
if _source := _project.get("urls", {}).get("Source"):
    html_theme_options |= {
        "source_repository": _source,
        "source_branch": "main",
        "source_directory": "docs/",
    }


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
