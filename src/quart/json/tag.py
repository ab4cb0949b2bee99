"""Tagged JSON: the form in which a session cookie stores tuples, dates, bytes and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.json.tag import (
    JSONTag,
    PassDict,
    PassList,
    TagBytes,
    TagDateTime,
    TagDict,
    TagMarkup,
    TagTuple,
    TagUUID,
)
from flask.json.tag import TaggedJSONSerializer as FlaskTaggedJSONSerializer

from . import dumps, loads

__all__ = (
    "JSONTag",
    "PassDict",
    "PassList",
    "TagBytes",
    "TagDateTime",
    "TagDict",
    "TagMarkup",
    "TagTuple",
    "TagUUID",
    "TaggedJSONSerializer",
)

# Types that no standard tag changes.
_PLAIN = frozenset({str, int, float, bool, type(None)})


class TaggedJSONSerializer(FlaskTaggedJSONSerializer):
    """Converts values to tagged JSON and back, with the current application's JSON provider."""

    __slots__ = ("_only_standard_tags",)

    _dumps: Callable[..., str] = staticmethod(dumps)
    _loads: Callable[..., object] = staticmethod(loads)

    def __init__(self) -> None:
        self._only_standard_tags = True
        super().__init__()

    def register(
        self, tag_class: type[JSONTag], force: bool = False, index: int | None = None
    ) -> None:
        """Add a tag, at the end of the order or at ``index``.

        Raises KeyError if its key is taken, unless ``force`` is true.
        """
        super().register(tag_class, force, index)
        if tag_class not in FlaskTaggedJSONSerializer.default_tags:
            self._only_standard_tags = False

    def tag(self, value: Any) -> Any:
        """Convert a value to plain JSON types, tagged if necessary."""
        # PERF: the most common values skip the checks of eight tags: values that no tag changes,
        # and dictionaries that cannot be mistaken for a tag, whose values are tagged.
        if self._only_standard_tags:
            kind = type(value)
            if kind in _PLAIN:
                return value
            if kind is dict and (len(value) != 1 or next(iter(value)) not in self.tags):
                return {
                    key: each if type(each) in _PLAIN else self.tag(each)
                    for key, each in value.items()
                }
        return super().tag(value)

    def dumps(self, value: object) -> str:
        """Convert a value to compact tagged JSON."""
        return self._dumps(self.tag(value), separators=(",", ":"))

    def loads(self, value: str | bytes) -> Any:
        """Convert tagged JSON, text or UTF-8 bytes, to the value it represents."""
        loaded = self._loads(value)
        # PERF: the standard tags all begin with a space, and usually there is none to look for.
        if self._only_standard_tags and isinstance(value, str) and '" ' not in value:
            return loaded
        return self._untag_scan(loaded)
