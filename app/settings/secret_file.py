"""The server's secret in the data directory."""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.settings.errors import InvalidSettings

SECRET_FILE: Final = "secret.key"  # noqa: S105 - a name, not a secret
_RESTORE: Final = "restore it from a backup; if there is no key yet, remove it, and the next start creates one"


def read_or_create_secret(path: Path) -> bytes:
    """The secret in the file, generated if there is none, and then stored with mode 600. Raises InvalidSettings."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_hex(32))
        secret = path.read_text(encoding="utf-8").strip().encode()
    except OSError as error:
        raise InvalidSettings(
            f"the secret {path.absolute()} can't be read or created ({error.strerror})",
            "make this user its owner, with mode 600, and check that the disk has space",
        ) from None
    except UnicodeDecodeError:
        raise InvalidSettings(f"the secret {path.absolute()} is damaged", _RESTORE) from None
    if not secret:
        # Anyone could make valid signatures with an empty secret.
        raise InvalidSettings(f"the secret {path.absolute()} is empty", _RESTORE)
    return secret


def _write_once(path: Path, text: str) -> None:
    """Write a file for its owner alone, completely or not at all, even if two processes do it at once."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(text)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
