"""The cookies of a test client, stored and sent by the rules of RFC 6265, as in browsers."""

from __future__ import annotations

import http.cookiejar
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

from werkzeug.http import parse_cookie, parse_date


@dataclass(frozen=True)
class Cookie:
    """A cookie as Flask's test client describes it: key and value as sent, and decoded.

    `max_age` is in seconds. A cookie with `origin_only` is sent only to exactly its `domain`.
    """

    key: str
    value: str
    decoded_key: str
    decoded_value: str
    expires: datetime | None
    max_age: int | None
    domain: str
    origin_only: bool
    path: str
    secure: bool
    http_only: bool
    same_site: str | None


class CookieJar(http.cookiejar.CookieJar):
    """The standard library's jar, with the rules that browsers follow today.

    As in the library, a host without a dot in its name is stored as "name.local", and a cookie with
    a `Domain` under ".domain".
    """

    def keep(self, url: str, header: str) -> None:
        """Store or remove a cookie, as a `Set-Cookie` header from `url` says."""
        cookie = _parse(header, urlsplit(url))
        if cookie is not None:
            self.set_cookie(cookie)
            self.clear_expired_cookies()  # a test may look at what is left

    def header_for(self, url: str) -> str:
        """Return the `Cookie` header for a request to `url`; empty if no cookie is sent there."""
        self.clear_expired_cookies()
        parts = urlsplit(url)
        cookies = [cookie for cookie in self if _goes_to(cookie, parts)]
        cookies.sort(key=lambda cookie: len(cookie.path), reverse=True)
        return "; ".join(f"{cookie.name}={cookie.value or ''}" for cookie in cookies)

    def find(self, key: str, domain: str, path: str) -> Cookie | None:
        """Return the cookie with this decoded key that was set for exactly this domain and path."""
        cookie = self._find(key, domain, path)
        if cookie is None:
            return None
        attributes = _attributes(cookie)
        return Cookie(
            key=cookie.name,
            value=cookie.value or "",
            decoded_key=key,
            decoded_value=parse_cookie(f"{cookie.name}={cookie.value or ''}")[key],
            expires=parse_date(attributes.get("expires")),
            max_age=_seconds(attributes.get("max-age")),
            domain=domain,
            origin_only=not cookie.domain_specified,
            path=path,
            secure=cookie.secure,
            http_only="httponly" in attributes,
            same_site=attributes.get("samesite"),
        )

    def remove(self, key: str, domain: str, path: str) -> None:
        """Remove that cookie, if it exists."""
        cookie = self._find(key, domain, path)
        if cookie is not None:
            self.clear(cookie.domain, cookie.path, cookie.name)

    def _find(self, key: str, domain: str, path: str) -> http.cookiejar.Cookie | None:
        self.clear_expired_cookies()
        for cookie in self:
            if (
                key in parse_cookie(f"{cookie.name}={cookie.value or ''}")
                and path == cookie.path
                and cookie.domain in (f".{domain}", domain, _filed(domain))
            ):
                return cookie
        return None


def _parse(header: str, url: SplitResult) -> http.cookiejar.Cookie | None:
    """Parse a `Set-Cookie` header; None if it is not valid, or not for this host to set."""
    pair, *rest = header.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        return None
    given = {}
    for attribute in rest:
        key, equals, text = attribute.partition("=")
        given[key.strip()] = text.strip() if equals else None
    attributes = _lower(given)

    host = url.hostname or "localhost"
    domain = (attributes.get("domain") or "").lstrip(".").lower()
    if domain and not is_within(host, domain):
        return None
    path = attributes.get("path") or ""
    path_specified = path.startswith("/")
    if not path_specified:
        path = url.path.rpartition("/")[0] or "/"
    max_age, date = _seconds(attributes.get("max-age")), parse_date(attributes.get("expires"))
    expires = None if date is None else int(date.timestamp())
    if max_age is not None:
        expires = int(time.time()) + max_age
    return http.cookiejar.Cookie(
        version=0,
        name=name.strip(),
        value=value.strip(),
        port=None,
        port_specified=False,
        domain=f".{domain}" if domain else _filed(host),
        domain_specified=bool(domain),
        domain_initial_dot=(attributes.get("domain") or "").startswith("."),
        path=path,
        path_specified=path_specified,
        secure="secure" in attributes,
        expires=expires,
        discard=expires is None,
        comment=None,
        comment_url=None,
        rest=given,  # type: ignore[arg-type]  # an attribute without a value is None, as there
    )


def _goes_to(cookie: http.cookiejar.Cookie, url: SplitResult) -> bool:
    """Whether a request to `url` carries this cookie (RFC 6265, section 5.4).

    `Secure` cookies are also sent without TLS, because tests run with the settings of production.
    """
    host, path = url.hostname or "localhost", url.path or "/"
    return (
        is_within(host, cookie.domain.lstrip("."))
        if cookie.domain_specified
        else cookie.domain in (host, _filed(host))
    ) and (
        path == cookie.path
        or (path.startswith(cookie.path) and cookie.path.endswith("/"))
        or path.startswith(f"{cookie.path}/")
    )


def is_within(host: str, domain: str) -> bool:
    """Whether a host is the domain itself or a name below it."""
    return host == domain or host.endswith(f".{domain}")


def _filed(host: str) -> str:
    """Return the name under which the library's jar stores the cookies of a host."""
    return host if "." in host or ":" in host else f"{host}.local"


def _attributes(cookie: http.cookiejar.Cookie) -> dict[str, str | None]:
    return _lower(cookie._rest)  # type: ignore[attr-defined]  # it cannot be listed otherwise


def _lower(attributes: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.lower(): value for name, value in attributes.items()}


def _seconds(value: str | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return None
