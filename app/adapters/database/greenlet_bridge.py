"""The bridge by which a plain act waits for an asynchronous driver: it runs in a greenlet and is left while it waits.

SQLAlchemy has the same bridge; it makes a greenlet for each act, which costs as much as a statement. Here greenlets are
kept and run act after act. docs/performance.md says what that saves.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from app.domain.unit_of_work import UnitOfWork

T = TypeVar("T")


class GreenletRunner:
    """Runs acts for one event loop."""

    def __init__(self) -> None:
        self._kept: list[greenlet] = []

    async def run(self, operation: Callable[[UnitOfWork], T], work: UnitOfWork) -> T:
        """What the act returns, or the exception that it raises. Cancelling reaches the act where it waits."""
        runner = self._kept.pop() if self._kept else greenlet(_run_operations)
        runner.parent = getcurrent()
        told = runner.switch((operation, work))
        while type(told) is not _Outcome:
            try:
                response = await told
            except BaseException:
                told = runner.throw(*sys.exc_info())
            else:
                told = runner.switch(response)
        self._kept.append(runner)
        value, error = told.value, told.error
        # The runner holds its last outcome until its next act; what was answered must not live on with it.
        told.value = told.error = None
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]


def await_in_greenlet(awaitable: Awaitable[T]) -> T:
    """Wait inside an act that a Bridge runs; everybody else goes on meanwhile."""
    return getcurrent().parent.switch(awaitable)  # type: ignore[no-any-return]


class _Outcome:
    """How an act ended."""

    __slots__ = ("error", "value")

    def __init__(self, value: Any, error: BaseException | None) -> None:
        self.value = value
        self.error = error


def _run_operations(task: tuple[Callable[[UnitOfWork], Any], UnitOfWork]) -> None:
    while True:
        operation, work = task
        try:
            outcome = _Outcome(operation(work), None)
        except BaseException as error:
            outcome = _Outcome(None, error)
        # Nothing of the last act may live on while this waits for the next one.
        del operation, work, task
        task = getcurrent().parent.switch(outcome)
        del outcome
