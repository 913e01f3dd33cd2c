"""Real proxies in front of a server on loopback, with the configurations of docs/operating/proxies.md."""

import os
import re
import shutil
import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.processes import Guard, free_port
from tests.support.requirements import need

DOCUMENT = ROOT / "docs" / "operating" / "proxies.md"
START_SECONDS = 20
PROGRAMS = {"nginx": "nginx", "Caddy": "caddy", "HAProxy": "haproxy"}

NGINX = """
daemon off;
pid nginx.pid;
worker_processes 1;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{server}
}}
"""
CADDY = "{\n    admin off\n    auto_https off\n}\n"


def read_configurations(heading: str) -> list[str]:
    """The configuration blocks below a heading of the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = re.search(rf"^## {heading}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert section is not None, heading
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", section[1], re.MULTILINE)
    return [textwrap.dedent(block).strip() + "\n" for block in blocks]


def replace_all(text: str, *pairs: tuple[str, str]) -> str:
    """Replace what differs on this machine; each must occur, so that the documented text is tested."""
    for old, new in pairs:
        assert old in text, f"{old!r} is not in {text}"
        text = text.replace(old, new)
    return text


def find(proxy: str) -> str:
    """Return the program of a proxy, or skip the test."""
    name = PROGRAMS[proxy]
    # The PATH of a user other than root does not contain /usr/sbin.
    path = shutil.which(name, path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"]))
    need(proxy, path, f"the documented configuration is tested with it: apt-get install {name}")
    assert path
    return path


@contextmanager
def run_proxy(
    proxy: str, server: int, folder: Path, *, hosts: str, location: str | None = None, port: int = 0
) -> Iterator[int]:
    """Run the proxy as documented, without TLS, in front of the server's port until the block ends; return its port.

    `location` replaces nginx's documented one; the default of `port` is a free one.
    """
    program, port = find(proxy), port or free_port()
    (text,) = read_configurations(proxy)
    backend = ("127.0.0.1:8000", f"127.0.0.1:{server}")
    if proxy == "nginx":
        text = re.sub(r"^ *ssl_certificate.*\n", "", text, flags=re.MULTILINE)
        if location is not None:
            text, count = re.subn(r"^ *location / \{.*?\}\n", lambda _: location, text, flags=re.MULTILINE | re.DOTALL)
            assert count == 1
        listen = ("listen 443 ssl;", f"listen 127.0.0.1:{port};")
        text = replace_all(text, listen, ("server_name feedback.example.com", f"server_name {hosts}"), backend)
        text = NGINX.format(user="user root;" if os.geteuid() == 0 else "", server=text)
        command = [program, "-e", "stderr", "-p", f"{folder}/", "-c", str(folder / "configuration")]
    elif proxy == "Caddy":
        addresses = ", ".join(f"http://{host}:{port}" for host in hosts.split())
        text = CADDY + replace_all(text, ("feedback.example.com {", f"{addresses} {{"), backend)
        command = [program, "run", "--config", str(folder / "configuration"), "--adapter", "caddyfile"]
    else:
        bind = ("bind :443 ssl crt /etc/ssl/private/feedback.example.com.pem", f"bind 127.0.0.1:{port}")
        text = replace_all(text, bind, backend)
        command = [program, "-db", "-f", str(folder / "configuration")]
    (folder / "configuration").write_text(text, encoding="utf-8")
    with _running(command, folder, port):
        yield port


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    # Stops the proxy even if the tests are killed.
    guard = Guard('kill "$1"', str(process.pid), identity={})
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.returncode is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.01)
            process.poll()
        yield
    finally:
        guard.release()
        process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
