"""The titles that the search is tested among."""

from tests.domain.search.titles import rewordings, titles


def test_there_are_100_rewordings_of_different_titles() -> None:
    pairs = rewordings()

    assert len({pair.title for pair in pairs}) == len(pairs) == 100
    assert all(2 <= len(pair.typed) <= 180 and pair.typed != pair.title for pair in pairs)


def test_titles_are_reproducible_and_contain_each_reworded_title_once() -> None:
    made = titles(5_000)

    assert made == titles(5_000)
    assert all(made.count(pair.title) == 1 for pair in rewordings())
    assert all(2 <= len(title) <= 180 for title in made)
