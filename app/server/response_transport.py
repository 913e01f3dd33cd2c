"""Writes the head of a response together with its body."""

import asyncio
from typing import Final

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""What uvicorn writes before the response when a client waits with the body."""


class ResponseTransport:
    """The transport of one response. It sends the head together with the first part of the body, or at its end.

    uvicorn writes the head by itself, which costs a system call and a packet for each response, and wakes up the
    client twice.
    """

    __slots__ = ("_head", "_transport", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        """None until the head is written, empty when it has been sent."""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head is None and data != _CONTINUE:
            self._head = data
            return
        if self._head:
            data = self._head + data
            self._head = b""
        self._transport.write(data)

    def flush(self) -> None:
        """Send the head of a response without a body."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()
