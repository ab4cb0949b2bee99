"""One file per framework, each with the same small applications by its framework's ordinary means.

A file defines a function per application (`plain`, `many_routes`, ...; `scenarios.py` says which
scenario asks which) that returns the app; a missing function means that the framework has nothing
of the kind, and `MISSING` maps its name to the reason. `UNEQUAL` maps an application to the words
to print under the table where its work differs from the others'.
"""
