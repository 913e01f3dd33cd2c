"""Runs the real `earshot` command: once, or as a server until the test ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.checkout import ROOT
from tests.support.messages import is_documented

COMMAND = [sys.executable, "-c", "from app.cli import main; main()"]
SECONDS = 60


class Done(NamedTuple):
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


def message_of(done: Done) -> str:
    """The message of a command that failed: its problem, and its remedy if it has one, joined by a colon."""
    assert (done.code, done.out) == (1, ""), done
    assert done.err.startswith("earshot: "), done
    problem, *remedy = done.err.removeprefix("earshot: ").removesuffix("\n").split("\n  -> ")
    assert len(remedy) < 2
    assert "\n" not in "".join([problem, *remedy]), done.err
    if remedy:
        assert is_documented(problem), f"docs/operating/messages.md does not list: {problem}"
    return ": ".join([problem, *remedy])


class Serving:
    """A running server. `output` is its standard output so far, `log` the file of its standard error."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self.log = log
        self.output = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.output += line
            if line.startswith("  processes"):
                break
        else:
            raise AssertionError(log.read_text(errors="replace"))
        self.address = self.output.partition("  address ")[2].split()[0]
        self.port = int(self.address.rpartition(":")[2])

    def end(self) -> int:
        """Stop the server by SIGTERM and return its exit code."""
        self.process.terminate()
        return self.process.wait(SECONDS)

    def kill(self) -> None:
        """Kill all its processes, the parent first, so that it replaces none."""
        for pid in (self.process.pid, *self.workers()):
            os.kill(pid, signal.SIGKILL)

    def workers(self) -> set[int]:
        """The ids of its child processes."""
        pid = self.process.pid
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


class Earshot:
    """Runs `earshot` in a folder, with an environment of its own."""

    command = COMMAND

    def __init__(self, folder: Path, cache: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        self._cache = cache
        self.settings = dict(settings)

    def run(self, *arguments: str, stdin: str | None = None, **settings: str) -> Done:
        """Run one command."""
        done = subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self.env(settings),
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def serving(
        self, *arguments: str, stderr: int | None = None, open_files: tuple[int, int] | None = None, **settings: str
    ) -> Iterator[Serving]:
        """Run a server on a free port, or on that of `--port`, until the block ends.

        It logs to the descriptor `stderr`, else to a file. `open_files` are its soft and hard limit of open files, by
        default those of the tests.
        """
        port = () if "--port" in arguments else ("--port", "0")
        limited = []
        if open_files is not None:
            limited = ["bash", "-c", 'ulimit -S -n "$0" && ulimit -H -n "$1" && exec "${@:2}"', *map(str, open_files)]
        log = self.folder / f"log-{len(list(self.folder.glob('log-*')))}"
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                [*limited, *self.command, "serve", *port, *arguments],
                cwd=self.folder,
                env=self.env(settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors if stderr is None else stderr,
                text=True,
            ) as process,
        ):
            try:
                yield Serving(process, log)
            finally:
                process.terminate()
                try:
                    process.wait(SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()

    def env(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            # Compiled once a run: otherwise most of a command's time is spent on compiling its imports.
            "PYTHONPYCACHEPREFIX": str(self._cache),
            **self.settings,
            **settings,
        }
