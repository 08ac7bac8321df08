"""Secrets in this process's environment, and keeping them from the engines that it starts."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

SALT_VARIABLE = "ANON_USER_KEY_SALT"
# Variables that an engine has no use for: whatever runs in it (a UDF, another operation's plan) could read them there.
_SECRETS = frozenset({SALT_VARIABLE, "LEDGER_PG_PASSWORD", "DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET"})
_LOCK = threading.Lock()


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that an engine is started with."""
    return {name: value for name, value in environ.items() if name not in _SECRETS}


@contextmanager
def secrets_hidden() -> Iterator[None]:
    """Start a child that inherits ``os.environ`` as it stands (the JVM): it gets no secret, this process keeps them."""
    with _LOCK:
        taken = {name: os.environ.pop(name) for name in _SECRETS if name in os.environ}
        try:
            yield
        finally:
            os.environ.update(taken)
