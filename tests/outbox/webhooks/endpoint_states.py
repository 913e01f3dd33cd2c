"""The state of an endpoint in the database."""

from tests.support.factory import Factory


async def endpoint_state(make: Factory, webhook: int) -> tuple[bool, int, bool]:
    """Whether the endpoint is on, its failures in a row, and whether it was switched off because of them."""
    row = await make.row("SELECT is_enabled, failures_in_row, disabled_at FROM webhooks WHERE id = :id", id=webhook)
    return bool(row["is_enabled"]), row["failures_in_row"], row["disabled_at"] is not None
