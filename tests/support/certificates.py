"""Certificates for servers of the tests, from authorities of the tests."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """An authority with its certificate in *folder*."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey

    @property
    def path(self) -> Path:
        """The path of its certificate."""
        return self.folder / f"{self.name}.pem"

    def issue(self, address: str = "127.0.0.1") -> Path:
        """Issue a certificate for *address*, an IP address or a name of a host.

        Returns:
            The file of the certificate and of its key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        path = self.folder / f"{self.name}-{address}.pem"
        path.write_bytes(_written(key) + _signed(self, key, address))
        return path

    def client_context(self) -> ssl.SSLContext:
        """Return the context of a client that trusts this authority only."""
        return ssl.create_default_context(cafile=str(self.path))

    def server_options(self, address: str = "127.0.0.1") -> tuple[str, ...]:
        """Issue a certificate for *address*.

        Returns:
            The options with which redis-server uses it, for every kind of connection.
        """
        path = self.issue(address)
        return (
            *("--tls-cert-file", str(path)),
            *("--tls-key-file", str(path)),
            *("--tls-auth-clients", "no"),
            *("--tls-replication", "yes"),
        )

    def client_certificate(self, password: str) -> Path:
        """Issue a certificate with an encrypted key, both in one file.

        Returns:
            The path of the file.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        encryption = serialization.BestAvailableEncryption(password.encode())
        path = self.folder / f"{self.name}-client.pem"
        path.write_bytes(_written(key, encryption) + _signed(self, key, "127.0.0.1"))
        return path


def authority(folder: Path, name: str) -> Authority:
    """Create an authority, with its certificate in *folder*."""
    created = Authority(folder, name, ec.generate_private_key(ec.SECP256R1()))
    created.path.write_bytes(_signed(created, created.key))
    return created


def server_context(certificate: Path) -> ssl.SSLContext:
    """Return the context of a server.

    Args:
        certificate: File of its certificate and key.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def _signed(
    authority: Authority, key: ec.EllipticCurvePrivateKey, address: str | None = None
) -> bytes:
    """Sign a certificate of *key*: for a server at *address*, or an authority's own."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(address or authority.name))
        .issuer_name(_name(authority.name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    role = x509.BasicConstraints(ca=not address, path_length=None)
    builder = builder.add_extension(role, critical=True)
    if address:
        names = x509.SubjectAlternativeName([_general_name(address)])
        builder = builder.add_extension(names, critical=False)
    signed = builder.sign(authority.key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _written(
    key: ec.EllipticCurvePrivateKey,
    encryption: serialization.KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )
