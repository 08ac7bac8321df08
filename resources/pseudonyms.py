"""Pseudonyms of people where others may read: a stable pseudonym, by a key of this ``DAGSTER_HOME`` (spec section 10).

The key is never the mart's salt: whoever reads messages learns nothing about the mart, and the other way round.
"""

from __future__ import annotations

import hmac
import os
import secrets
from functools import cache
from pathlib import Path

KEY_FILE = "pseudonym.key"
_KEY_BYTES = 32
_DIGITS = 10
_HIDDEN = "user-(hidden)"


def pseudonym(identifier: str) -> str:
    """``user-`` and ten hex digits, the same for the same user as long as ``DAGSTER_HOME`` has its key.

    Without a home that lasts (a step on a cluster), or one that cannot be written, nobody is named at all: an error
    must not fail for want of a name, and never falls back to the identifier.
    """
    home = os.environ.get("DAGSTER_HOME", "").strip()
    if not home or not Path(home).is_dir():
        return _HIDDEN
    try:
        key = _key(Path(home))
    except OSError:
        return _HIDDEN
    return f"user-{hmac.new(key, identifier.encode(errors='surrogatepass'), 'sha256').hexdigest()[:_DIGITS]}"


@cache
def _key(home: Path) -> bytes:
    """The home's key, made on first use; of two that make one at once the first counts."""
    path = home / KEY_FILE
    if not path.exists():
        made = home / f".{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            os.link(made, path)  # whole, or not at all
        except FileExistsError:
            pass
        finally:
            made.unlink(missing_ok=True)
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise OSError(f"{path} is no key")
    return key
