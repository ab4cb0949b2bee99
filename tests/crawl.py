"""A crawl of a site: each link is followed and each form submitted, as a visitor would.

`crawl` yields what to ask for and is sent what came. So a sync client and an async one, or two
servers, are driven by the same code, and their answers can be compared.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

#: More steps than any of our sites has.
MOST_STEPS = 300

#: What is uploaded.
FILE = ("a file.txt", b"content\n")

# Headers that two servers of the same application have to agree on.
_HEADERS = (
    "Allow",
    "Cache-Control",
    "Content-Disposition",
    "Content-Type",
    "Etag",
    "Last-Modified",
    "Location",
    "Set-Cookie",
    "Vary",
    "X-Seen",
)

# What differs from one run to the next: tokens against forgery, cookies, the time, the port.
_CHANGING = re.compile(
    r'(?<=value=")[\w.#-]{40,}(?=")'
    r"|(?<=^session=)[^;]*|(?<=Expires=)[^;]+|(?<=_)20[-_0-9]+(?=\.csv)|(?<=127\.0\.0\.1:)\d+"
)


@dataclass(frozen=True)
class Step:
    """What to ask for: a path with its query, the fields of a form, and those that take a file."""

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """What came, as far as it is the same each time; the text in full too."""

    asked: tuple[str, str]
    status: int
    headers: list[str]
    body: str
    text: str = field(compare=False, repr=False)

    @classmethod
    def of(cls, step: Step, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Page:
        text = body.decode("utf-8", "replace")
        kept = sorted(
            f"{name.title()}: {_CHANGING.sub('...', value)}"
            for name, value in headers
            if name.title() in _HEADERS
        )
        return cls((step.method, step.path), status, kept, _CHANGING.sub("...", text), text)

    @property
    def location(self) -> str:
        found = [each for each in self.headers if each.startswith("Location: ")]
        return found[0].removeprefix("Location: ") if found else ""


@dataclass
class _Form:
    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """The links and forms of a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[_Form] = []
        self._select = ""
        if any(each.startswith("Content-Type: text/html") for each in page.headers):
            self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        form = self.forms[-1] if self.forms else _Form("", "")
        name, kind = values.get("name", ""), values.get("type", "")
        if tag in ("a", "link") and "href" in values:
            self.links.append(values["href"])
        elif tag in ("img", "script") and "src" in values:
            self.links.append(values["src"])
        elif tag == "form":
            self.forms.append(_Form(values.get("method", "GET").upper(), values.get("action", "")))
        elif tag == "input" and kind == "file":
            form.files.append(name)
        elif tag in ("input", "textarea") and name and kind not in ("checkbox", "radio"):
            form.fields[name] = values.get("value", "")
        elif tag == "select":
            self._select = name
        elif tag == "option":
            form.fields.setdefault(self._select, values.get("value", ""))


def crawl(
    start: str, answers: Mapping[str, str], avoid: str = r"$^"
) -> Generator[Step, Page, list[Page]]:
    """Crawl from a path on; the pages in order.

    `answers` is what is typed into the fields of these names. Paths that match `avoid` are left
    out.
    """
    steps = deque([Step("GET", start)])
    pages: list[Page] = []
    known: set[object] = set()
    while steps and len(pages) < MOST_STEPS:
        step = steps.popleft()
        page = yield step
        pages.append(page)
        if 300 <= page.status < 400 and (path := _local(step.path, page.location)):
            steps.appendleft(Step("GET", path))
            continue
        read = _Reader(page)
        for link in read.links:
            path = _local(step.path, link)
            if path and path not in known and not re.search(avoid, path):
                known.add(path)
                steps.append(Step("GET", path))
        for form in read.forms:
            path = _local(step.path, form.action or step.path) or start
            form_id = (form.method, path, *form.fields)
            if form_id in known or re.search(avoid, path):
                continue
            known.add(form_id)
            fields = {name: answers.get(name, value) for name, value in form.fields.items()}
            if form.method == "GET":
                steps.append(Step("GET", f"{path.partition('?')[0]}?{urlencode(fields)}"))
            else:
                steps.append(Step("POST", path, tuple(fields.items()), tuple(form.files)))
    return pages


def _local(base: str, link: str) -> str:
    """The path and query that a link leads to; empty if it leads elsewhere."""
    url = urlsplit(urljoin(f"http://localhost{base}", link))
    if url.scheme != "http" or url.hostname not in ("localhost", "127.0.0.1"):
        return ""
    return url._replace(scheme="", netloc="", fragment="").geturl()
