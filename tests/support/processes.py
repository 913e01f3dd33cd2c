"""The user, the folder and the end of test servers: a guard process stops them when the tests have ended."""

import os
import pwd
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

# The arguments of Popen that set the user of a child process.
Identity = dict[str, Any]

# A UNIX socket's path may have about a hundred bytes, and PostgreSQL adds a name of 20.
MAX_FOLDER_LENGTH = 60


def identity_for_servers() -> Identity:
    """Return the arguments that run a child as `nobody` if this user is root, because PostgreSQL rejects root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def make_folder(prefix: str, identity: Identity) -> Path:
    """Create a folder that the identity owns and may enter, with a path short enough for a socket."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > MAX_FOLDER_LENGTH or (identity and not open_to_all(base)):
        base = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    return folder


def open_to_all(folder: Path) -> bool:
    """Whether any user may enter the folder and all its parents."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


class Guard:
    """A shell that waits until this process has ended or calls `release`, and then runs `script` with the arguments.

    Its standard input is a pipe without a writer: the end of this process closes it.
    """

    def __init__(self, script: str, *arguments: str, identity: Identity) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", f"read -r _; {script}", "guard", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C at the terminal ends the tests; the guard runs after them.
            **identity,
        )

    def release(self) -> None:
        """Run the script now, and wait for it."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def free_port() -> int:
    """Return a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
