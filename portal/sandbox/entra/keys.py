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

# Who signs an id token: only the first one's are worth anything.
SIGNERS = ("the tenant", "a stranger", "a stranger under a name of their own", "nobody", "the public key")


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

    def sign(self, claims: Json, signer: str = SIGNERS[0]) -> str:
        """A token as one of SIGNERS would make it."""
        kid = {"kid": self.key_id}
        if signer == "nobody":
            return jwt.encode(claims, "", algorithm="none", headers=kid)
        if signer == "the public key":
            # Who takes the key to be a shared secret is fooled by what everybody knows.
            return jwt.encode(claims, self.public()["n"], algorithm="HS256", headers=kid)
        if signer == "a stranger under a name of their own":
            kid = {"kid": "a-key-of-nobody-we-know"}
        pem = self._pem if signer == SIGNERS[0] else _new_pem()
        return jwt.encode(claims, pem, algorithm="RS256", headers=kid)


def _new_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
