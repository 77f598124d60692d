"""Encryption of what the store keeps and its readers must not read: secrets of webhooks, data keys of payloads.

Fernet is AES-128 in CBC mode under an HMAC-SHA256; several keys are tried in turn, and the first one encrypts.
https://cryptography.io/en/latest/fernet/#cryptography.fernet.MultiFernet
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from service.errors import ConfigurationError

NAME = "COPYDESK_ENCRYPTION_KEYS"


class Vault:
    """Encrypts and decrypts under the keys of the settings; its repr shows nothing of them."""

    def __init__(self, keys: Sequence[SecretStr] = ()) -> None:
        """Take the keys, as the settings have checked them; none makes a vault that cannot be opened."""
        fernets = [Fernet(key.get_secret_value()) for key in keys]
        self._first = fernets[0] if fernets else None
        self._fernet = MultiFernet(fernets) if fernets else None

    @property
    def has_keys(self) -> bool:
        """Whether anything can be encrypted at all."""
        return self._fernet is not None

    def check(self) -> None:
        """Make sure that something could be encrypted, before anything is done that needs it.

        Raises:
            ConfigurationError: there is no key.
        """
        self._opened()

    def wrap(self, key: bytes) -> bytes:
        """Encrypt a data key under the first key.

        Raises:
            ConfigurationError: there is no key.
        """
        return self._opened().encrypt(key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Decrypt a data key, whichever of the keys it was wrapped by.

        Raises:
            ConfigurationError: there is no key, or none of them fits.
        """
        try:
            return self._opened().decrypt(wrapped)
        except InvalidToken:
            raise _misfit() from None

    def is_current(self, wrapped: bytes) -> bool:
        """Tell whether something is encrypted under the first key; nothing is decrypted for it."""
        if self._first is None:
            return False
        try:
            # Checks the token's HMAC, which is by the key too, and no more than that.
            self._first.extract_timestamp(wrapped)
        except InvalidToken:
            return False
        return True

    def lock(self, secret: SecretStr) -> bytes:
        """Encrypt a secret under the first key.

        Raises:
            ConfigurationError: there is no key.
        """
        return self.wrap(secret.get_secret_value().encode("utf-8"))

    def unlock(self, ciphertext: bytes) -> SecretStr:
        """Decrypt a secret, whichever of the keys it was encrypted under.

        Raises:
            ConfigurationError: there is no key, or none of them fits.
        """
        return SecretStr(self.unwrap(ciphertext).decode("utf-8"))

    def relock(self, ciphertext: bytes) -> bytes:
        """Encrypt anew, under the first key, what any of the keys decrypts.

        Raises:
            ConfigurationError: there is no key, or none of them fits.
        """
        try:
            return self._opened().rotate(ciphertext)
        except InvalidToken:
            raise _misfit() from None

    def _opened(self) -> MultiFernet:
        if self._fernet is None:
            raise ConfigurationError([f"{NAME}: is not set, and it is needed here; see `copydesk keys generate`"])
        return self._fernet


def new_key() -> SecretStr:
    """Make a key."""
    return SecretStr(Fernet.generate_key().decode("ascii"))


def _misfit() -> ConfigurationError:
    return ConfigurationError(
        [f"{NAME}: none of its keys decrypts what is in the store; add the key it was encrypted under"]
    )
