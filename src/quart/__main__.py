"""`python -m quart` is the `quart` command."""

from .cli import main

if __name__ == "__main__":
    main()
