"""The key that signs id tokens: made once, kept in the store, so that a restart does not sign anybody out."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from portal.sandbox.core import Json, Store


class SigningKey:
    """An RSA key with its id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        kept = store.get("entra", "key", "signing")
        self._pem = kept["pem"] if kept else _new_pem()
        self.keep()

    def keep(self) -> None:
        self._store.put("entra", "key", "signing", {"pem": self._pem})

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self._pem.encode()).hexdigest()[:27]

    def public(self) -> Json:
        """The JWKS entry."""
        private = serialization.load_pem_private_key(self._pem.encode(), password=None)
        numbers: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(private.public_key()))  # type: ignore[arg-type]
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id, "n": numbers["n"], "e": numbers["e"]}

    def sign(self, claims: Json) -> str:
        return jwt.encode(claims, self._pem, algorithm="RS256", headers={"kid": self.key_id})


def _new_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
