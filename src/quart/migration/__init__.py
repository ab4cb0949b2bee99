"""`quart migrate`: the source of a Flask project becomes that of a Quart project.

Only the command imports this package, because it needs LibCST, which the extra `quart[migrate]`
installs. The steps, each in a file of its own: `sources` finds and writes the files, `model` says
what they define, `values` what their names hold, `awaits` decides which functions become async,
`blocking` which views do under `--async`, `rewriting` and `names` change the code, `settings` the
files that are not code, and `report` says what was done and what is left to do.
"""
