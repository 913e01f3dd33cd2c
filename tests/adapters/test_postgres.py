"""Acts on PostgreSQL that meet others at their work are run again, until they stand or there is no hope."""

from datetime import UTC, datetime

import pytest

from app.adapters.database import NOWHERE
from app.adapters.database.postgres import PostgresDatabase
from app.domain.refusals import ReferenceMissing
from app.domain.work import Work


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_act_is_run_again_as_often_as_something_it_points_to_goes_away(
    postgres_database: str, at_once: bool
) -> None:
    database = PostgresDatabase(postgres_database, password=None, clock=lambda: datetime.now(UTC))
    await database.open()
    runs = 0

    def post_whose_things_go_one_by_one(work: Work) -> str:
        nonlocal runs
        runs += 1
        # Its author, board, status, section and category.
        if runs <= 5:
            raise ReferenceMissing("fk_posts_section_id")
        return "done"

    def post_that_never_stands(work: Work) -> str:
        nonlocal runs
        runs += 1
        raise ReferenceMissing("fk_posts_section_id")

    try:
        assert await database.writing(post_whose_things_go_one_by_one, NOWHERE, at_once=at_once) == "done"
        assert runs == 6
        runs = 0
        with pytest.raises(ReferenceMissing):
            await database.writing(post_that_never_stands, NOWHERE, at_once=at_once)
        assert runs == 6
    finally:
        await database.close()
