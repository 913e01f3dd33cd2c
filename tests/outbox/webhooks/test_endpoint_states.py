"""What the outcomes of webhook calls change at their endpoint."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.outbox import claims
from app.domain.outbox.claims import AttemptResult, State
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.domain.webhooks.calls import DELETED, DISABLED, FAILED_IN_A_ROW, SWITCHED_OFF
from app.outbox.base import Outcome, Result
from app.outbox.webhooks.sender import OFF_AFTER_FAILURES, StateRecorder, record_state
from tests.outbox.webhooks.endpoint_states import endpoint_state
from tests.support.counting import Counting
from tests.support.factory import Factory
from tests.support.webhook_rows import add_delivery, add_endpoint

FAILED = Outcome(Result.RETRY, "the receiver responded 500", 500)


async def test_final_states_are_counted_at_the_endpoint(make: Factory) -> None:
    webhook = await add_endpoint(make)
    delivery, waiting = await add_delivery(make, webhook), await add_delivery(make, webhook)
    await make.run("UPDATE deliveries SET claim = 'claim' WHERE id = :id", id=delivery.id)

    warnings: list[str | None] = []

    async def record(*states: State, outcome: Outcome = FAILED) -> tuple[bool, int, bool]:
        for state in states:
            warnings.append(await make.act(lambda work, state=state: record_state(work, delivery, state, outcome)))
        return await endpoint_state(make, webhook)

    assert await record("failed", "failed", "pending", "cancelled", "failed", "failed") == (True, 4, False)
    # The receiver had no part in it.
    assert await record(*["failed"] * 5, outcome=replace(FAILED, is_unsendable=True)) == (True, 4, False)
    assert await record("delivered") == (True, 0, False)
    assert await record(*["failed"] * 5) == (False, 5, True)
    assert warnings == [*[None] * 16, OFF_AFTER_FAILURES]
    row = await make.row("SELECT state, error FROM deliveries WHERE id = :id", id=waiting.id)
    assert tuple(row.values()) == ("cancelled", FAILED_IN_A_ROW)


async def test_successes_in_a_row_in_one_transaction_are_recorded_once_for_each_endpoint(make: Factory) -> None:
    webhooks = [await add_endpoint(make, failures_in_row=4) for _ in range(2)]
    deliveries = [await add_delivery(make, webhook) for webhook in webhooks]
    recorder = StateRecorder()

    async def record(*states: tuple[int, State]) -> int:
        def run(work: UnitOfWork) -> int:
            connection = Counting(work._connection)
            work._connection = connection
            for index, state in states:
                recorder(work, deliveries[index], state, FAILED)
            return len(connection.statements)

        return await make.act(run)

    async def failures() -> list[int]:
        return [(await endpoint_state(make, webhook))[1] for webhook in webhooks]

    assert await record((0, "delivered"), (1, "delivered"), *[(0, "delivered")] * 20) == 2
    assert await failures() == [0, 0]
    assert await record((0, "delivered"), (0, "failed"), (1, "failed"), (0, "failed"), (1, "delivered")) == 5
    assert await failures() == [2, 0]
    assert await record((0, "failed"), (0, "delivered"), (0, "delivered")) == 2
    assert await failures() == [0, 0]


async def test_deliveries_without_an_endpoint_are_not_counted(make: Factory) -> None:
    webhook = await add_endpoint(make, failures_in_row=4)
    delivery = await add_delivery(make, None)

    states: tuple[State, ...] = ("failed", "delivered")
    for state in states:
        await make.act(lambda work, state=state: record_state(work, delivery, state, FAILED))

    assert await endpoint_state(make, webhook) == (True, 4, False)


@pytest.mark.parametrize("change", ["disable", "delete"])
async def test_a_call_that_fails_is_cancelled_if_its_endpoint_is_disabled_or_deleted_meanwhile(
    change: str, make: Factory
) -> None:
    webhook, neighbour = await add_endpoint(make), await add_endpoint(make)
    tried, waiting, elsewhere = [await add_delivery(make, each) for each in (webhook, webhook, neighbour)]
    await make.run("UPDATE deliveries SET claim = 'claim' WHERE id <> :id", id=waiting.id)
    await make.act(lambda work: getattr(endpoints, change)(work, webhook))
    again = AttemptResult("pending", datetime(2999, 1, 1, tzinfo=UTC), "the receiver responded 500")

    def store(work: UnitOfWork) -> None:
        for delivery in (tried, elsewhere):
            assert claims.record_result(work, delivery, again)
            record_state(work, delivery, "pending", FAILED)

    await make.act(store)

    rows = await make.rows("SELECT state, error, finished_at IS NOT NULL AS is_finished FROM deliveries ORDER BY id")
    reasons = {"disable": (SWITCHED_OFF, DISABLED), "delete": (DELETED, DELETED)}[change]
    assert [(row["state"], row["error"], bool(row["is_finished"])) for row in rows] == [
        ("cancelled", reasons[0], True),
        ("cancelled", reasons[1], True),
        ("pending", "the receiver responded 500", False),
    ]
