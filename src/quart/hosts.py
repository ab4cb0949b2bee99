"""Hosts: which of them are acceptable, and which subdomain of a server's name they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .headers import MAX_HOST_LENGTH

if TYPE_CHECKING:
    from .wrappers.base import BaseRequestWebsocket

#: Host headers that a map accepts, as received. Both their number and their length are limited.
accepted_hosts: set[bytes] = set()
_MAX_HOSTS = 1000


def accepts_host(value: bytes) -> bool:
    """Whether a map can be bound to a Host header. If so, it is added to `accepted_hosts`."""
    if len(value) > MAX_HOST_LENGTH:
        return False
    try:
        raise_if_not_idna(value.decode("latin-1").lower())
    except UnicodeError:
        return False
    if len(accepted_hosts) >= _MAX_HOSTS:
        accepted_hosts.clear()
    accepted_hosts.add(value)
    return True


def raise_if_not_idna(host: str) -> None:
    """Raise UnicodeError if `Map.bind` or `request.url` would do so for this host."""
    host.partition(":")[0].encode("idna").decode("idna")


def subdomain_of(request: BaseRequestWebsocket, server_name: str) -> str | None:
    """Return the part of a request's host before `server_name`; None if it is another host."""
    host, name = (
        without_default_port(each.lower(), request.scheme) for each in (request.host, server_name)
    )
    if host == name:
        return ""
    return host.removesuffix(f".{name}") if host.endswith(f".{name}") else None


def without_default_port(host: str, scheme: str) -> str:
    if scheme in {"http", "ws"}:
        return host.removesuffix(":80")
    if scheme in {"https", "wss"}:
        return host.removesuffix(":443")
    return host
