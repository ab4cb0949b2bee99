"""`quart migrate`: turns the source of a Flask project into that of a Quart project.

Only the command imports this package, because it needs LibCST, which the extra `quart[migrate]`
installs. Each step has its file: `sources` finds and writes the files, `model` records what they
define, `values` what their names hold, `awaits` decides which functions become async, `blocking`
which views do so with `--async`, `rewriting` and `names` change the code, `settings` changes other
files, and `report` says what was done and what is left to do.
"""
