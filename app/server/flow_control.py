"""Controls when a connection is read."""

import asyncio
from collections.abc import Sized

from uvicorn.protocols.http.flow_control import FlowControl


class PipelineFlowControl(FlowControl):
    """Does not read while requests of the connection are queued.

    uvicorn resumes reading after every response, so that a client that sends requests faster than they are answered
    fills the memory.
    """

    def __init__(self, transport: asyncio.Transport, pipeline: Sized, held: Sized) -> None:
        super().__init__(transport)
        self._pipeline = pipeline
        self._held = held

    def resume_reading(self) -> None:
        if not self._pipeline and not self._held:
            super().resume_reading()
