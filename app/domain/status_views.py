"""Reading statuses as they are, without their tabs. Rules about statuses, and how tabs show them, are in `statuses`."""

from collections.abc import Sequence

from sqlalchemy import select

from app.domain.model import Status
from app.domain.statements import Column, Statement, portal
from app.domain.work import Row, Work


class StatusView:
    """The columns of a status that a door shows, in its order."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._all = Statement(select(*columns).where(Status.portal_id == portal).order_by(Status.id))

    def all(self, work: Work) -> Sequence[Row]:
        """The rows of all statuses of the portal, by id."""
        return work.rows(self._all)
