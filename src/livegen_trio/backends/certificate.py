"""The certificate that a client shows to the server (mutual TLS)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its private key, in PEM files.

    Args:
        certfile: The certificate, with those that lead up to its authority.
        keyfile: The private key, unless `certfile` has it, too.
        password: Of the private key.
    """

    certfile: str | os.PathLike[str]
    keyfile: str | os.PathLike[str] | None = None
    password: str | None = field(default=None, repr=False)

    def ssl_context(self) -> ssl.SSLContext:
        """A context with the system's authorities and this certificate."""
        context = ssl.create_default_context()
        context.load_cert_chain(self.certfile, self.keyfile, self.password)
        return context
