"""Client certificates, for mutual TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._errors import ConfigError

if TYPE_CHECKING:
    import os


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its private key, in PEM files.

    Args:
        certfile: The certificate, with the chain up to its authority.
        keyfile: The private key, unless `certfile` has it, too.
        password: The password of the private key.
    """

    certfile: str | os.PathLike[str]
    keyfile: str | os.PathLike[str] | None = None
    password: str | None = field(default=None, repr=False)

    def ssl_context(self) -> ssl.SSLContext:
        """A context with the system's authorities and this certificate.

        Raises:
            ConfigError: A file can't be read, the key belongs to another certificate, or its password is wrong or
                missing.
        """
        context = ssl.create_default_context()
        try:
            # Without any password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self.certfile, self.keyfile, self.password or "")
        except OSError as exc:  # of which ssl.SSLError is one
            name = self.certfile if exc.filename is None else exc.filename
            raise _unusable(name, exc.strerror or str(exc)) from exc
        except ValueError as exc:  # what no path holds, or a password beyond what OpenSSL takes
            raise _unusable(self.certfile, str(exc)) from exc
        return context


def _unusable(name: object, reason: str) -> ConfigError:
    return ConfigError(
        f"the client certificate {name} can't be used: {reason}; give a certificate and its "
        "private key in PEM format, and the key's password if it has one"
    )
