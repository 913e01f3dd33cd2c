"""The supervisor of worker processes, in a process of its own."""

import signal
import subprocess
import sys

from tests.support.checkout import ROOT

WORKER_THAT_CANNOT_BE_REPLACED_AT_ONCE = """
import errno, os, signal
from app.server.supervisor import Supervisor

fork, forks = os.fork, 0


def fork_or_fail():
    global forks
    forks += 1
    if forks == 2:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return fork()


def work():
    if forks == 1:
        return 3
    print("worker", forks)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pause()


os.fork = fork_or_fail
print("exit code", Supervisor([work], [], 5.0).run())
"""


def test_a_failed_fork_is_retried() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-c", WORKER_THAT_CANNOT_BE_REPLACED_AT_ONCE],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = ""
        while "worker 3" not in output and (line := process.stdout.readline()):
            output += line
        process.send_signal(signal.SIGTERM)
        output += process.stdout.read()

    assert "a worker ended and is replaced" in output
    assert "a worker can't be started yet" in output
    assert output.endswith("worker 3\nexit code 0\n"), output
