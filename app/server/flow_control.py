"""When a connection is read from."""

import asyncio
from collections.abc import Sized

from uvicorn.protocols.http.flow_control import FlowControl


class PipelineFlowControl(FlowControl):
    """Reads nothing more while requests of the connection wait for their turn.

    uvicorn reads on with every answer, so that a client which asks faster than it is answered fills the memory.
    """

    def __init__(self, transport: asyncio.Transport, pipeline: Sized, held: Sized) -> None:
        super().__init__(transport)
        self._pipeline = pipeline
        self._held = held

    def resume_reading(self) -> None:
        if not self._pipeline and not self._held:
            super().resume_reading()
