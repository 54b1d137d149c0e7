"""Seals health answers, contact details and notes before they reach the database (design D11).

A sealed value is `key id.base64(nonce + ciphertext)`. Its context (table, row and column) is authenticated with it,
so a value moved to another row does not open.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_keys: dict[str, bytes] = {}


class CannotOpen(Exception):
    """The value was sealed with a key we do not have, for another row, or has been changed."""


def use_keys(keys: Mapping[str, bytes]) -> None:
    """Set the key ring: the first key seals, all of them open."""
    _keys.clear()
    _keys.update(keys)


def seal(plain: str, context: str) -> str:
    """Encrypt a text for one place, such as `intake_answer:ab12:reason`."""
    key_id, key = next(iter(_keys.items()))
    nonce = os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), context.encode())
    return f"{key_id}.{base64.b64encode(nonce + sealed).decode()}"


def unseal(sealed: str, context: str) -> str:
    """The text again. Raises CannotOpen."""
    key_id, _, encoded = sealed.partition(".")
    try:
        raw = base64.b64decode(encoded, validate=True)
        return AESGCM(_keys[key_id]).decrypt(raw[:12], raw[12:], context.encode()).decode()
    except (KeyError, ValueError, InvalidTag) as error:
        raise CannotOpen(context) from error
