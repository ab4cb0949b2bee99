"""Frameworks with a server of their own: `python -m own.<name> <port>` serves their `plain` one.

One process, one loop, nothing written per request.
"""
