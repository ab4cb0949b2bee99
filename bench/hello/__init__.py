"""The smallest application of each framework, `app`: what `startup.py` imports and weighs.

Where the framework has websockets, `/echo` is one that waits for messages.
"""
