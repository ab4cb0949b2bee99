"""Reads paths and queries: percent-encoded bytes become text if they are UTF-8.

Each function takes time in proportion to the length of its input, whatever a client sends.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, unquote_to_bytes

# All of ASCII: only bytes outside it are quoted.
_ASCII = bytes(range(128))

# Bytes that are not UTF-8, as `surrogateescape` decodes them, and how they are percent-encoded.
_STRAY = {0xDC00 + byte: f"%{byte:02X}" for byte in range(128, 256)}

# These stay percent-encoded in a readable URL, because they would mean something else in it.
_UNREADABLE = [*range(0x21), ord("%"), 0x7F]

# Characters that are not percent-encoded in a path (https://url.spec.whatwg.org).
_SAFE_IN_PATH = "!$&'()*+,/:;=@%"


def decode(data: bytes) -> str:
    """Decode UTF-8; bytes that are not UTF-8 are percent-encoded."""
    # Werkzeug's error handler does the same, but is called once for each such byte.
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="surrogateescape").translate(_STRAY)


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query, percent-decoded as `decode` does."""
    if not query.isascii():
        query = quote(query, safe=_ASCII).encode()
    items = parse_qsl(query.decode(), keep_blank_values=True, errors="surrogateescape")
    return [(_unstray(name), _unstray(value)) for name, value in items]


def _unstray(text: str) -> str:
    return text if text.isascii() else text.translate(_STRAY)


class _Readable:
    """Makes a percent-encoded part of a URL readable, unless that would change its meaning."""

    def __init__(self, reserved: str) -> None:
        kept = "|".join(f"{char:02X}" for char in [*_UNREADABLE, *map(ord, reserved)])
        self._kept = re.compile(f"%(?={kept})", re.IGNORECASE)

    def __call__(self, quoted: str) -> str:
        if "%" not in quoted:
            return quoted
        # Encode those that stay once more, so that one call can decode everything.
        return decode(unquote_to_bytes(self._kept.sub("%25", quoted)))


_readable_path = _Readable("/?#")
_readable_query = _Readable("&=+#")


def complete_url(origin: str, root_path: str, path: str = "", query: bytes = b"") -> str:
    """Return the URL of a request, as Werkzeug's `get_current_url` does."""
    root = _readable_path(quote(root_path.rstrip("/"), safe=_SAFE_IN_PATH))
    url = f"{origin}{root}/{_readable_path(quote(path.lstrip('/'), safe=_SAFE_IN_PATH))}"
    if query:
        url += "?" + _readable_query(quote(query, safe=_SAFE_IN_PATH + "?"))
    return url
