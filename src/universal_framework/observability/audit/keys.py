"""Ed25519 keys (RFC 8032), by way of `cryptography`, which is imported when the first key is needed.

In: 32 bytes of seed, a message. Out: a signature, or whether one holds. A key never appears in a message or a repr.

https://www.rfc-editor.org/rfc/rfc8032   https://cryptography.io/en/latest/hazmat/primitives/asymmetric/ed25519/
"""

from __future__ import annotations

import os
import re

from universal_framework.observability.audit.errors import MalformedError

KEY_BYTES = 32
_FILE = re.compile(rb"ed25519-seed ([0-9a-f]{64})\n")


class SigningKey:
    """A private key and its public half (`public`, 32 bytes)."""

    __slots__ = ("_private", "_seed", "public")

    def __init__(self, seed: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a new key from the operating system's randomness."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def from_file(cls, data: bytes) -> SigningKey:
        """Return the key that a key file holds.

        Raises:
            MalformedError: It holds none.
        """
        match = _FILE.fullmatch(data)
        if match is None:
            raise MalformedError("not a signing key")
        return cls(bytes.fromhex(match[1].decode()))

    def file(self) -> bytes:
        """Return what its key file holds."""
        return b"ed25519-seed " + self._seed.hex().encode() + b"\n"

    def sign(self, message: bytes) -> bytes:
        """Return the signature (64 bytes) of a message."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"<signing key with public half {self.public.hex()}>"


def verified(public: bytes, signature: bytes, message: bytes) -> bool:
    """Say whether the holder of `public` signed `message`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_from_pem(data: bytes) -> bytes:
    """Return the 32 bytes of the Ed25519 public key in a PEM file.

    Raises:
        MalformedError: There is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedError("not a public key in PEM form") from None
    if not isinstance(key, Ed25519PublicKey):
        raise MalformedError("the public key is not an Ed25519 key")
    return key.public_bytes_raw()
