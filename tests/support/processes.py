"""Where test servers run and how they end: their user, their folder, and the guard that outlives the tests."""

import os
import pwd
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

# The part of Popen's arguments that says as whom a child runs.
Identity = dict[str, Any]

# A UNIX socket's path may have about a hundred bytes, and PostgreSQL adds a name of 20.
LONGEST_FOLDER = 60


def identity_for_servers() -> Identity:
    """Give the arguments that make a child run as nobody when this is root, whom PostgreSQL refuses to serve."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def make_folder(prefix: str, identity: Identity) -> Path:
    """Make a folder that the identity owns and reaches, with a path short enough for a socket."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > LONGEST_FOLDER or (identity and not open_to_all(base)):
        base = Path("/tmp")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=base))
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    return folder


def open_to_all(folder: Path) -> bool:
    """Tell whether any user may enter the folder and all above it."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


class Guard:
    """A shell that waits until this process has ended, or releases it, and then runs `script` with the arguments.

    Its standard input is a pipe that nobody writes to: whatever ends this process closes it.
    """

    def __init__(self, script: str, *arguments: str, identity: Identity) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", f"read -r _; {script}", "guard", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C at the terminal is for the tests; the guard comes after them.
            **identity,
        )

    def release(self) -> None:
        """Let the guard do its work, and wait for it."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()


def free_port() -> int:
    """Ask the system for a loopback port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
