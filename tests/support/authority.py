"""An authority whose word counts in tests, and TLS by it."""

from __future__ import annotations

import ssl

import trustme

CA = trustme.CA()


def server_context(*names: str) -> ssl.SSLContext:
    """A server's TLS, with a certificate for *names*."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(*names).configure_cert(context)
    return context


def client_context(authority: trustme.CA = CA) -> ssl.SSLContext:
    """A client's TLS that trusts *authority* and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context
