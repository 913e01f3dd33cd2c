"""Default colors."""

from app.domain.portals import colors


def test_the_next_pastel_is_the_first_of_the_least_used() -> None:
    assert colors.next_pastel([]) == colors.PASTELS[0]
    assert colors.next_pastel(["#000", colors.PASTELS[0].lower()]) == colors.PASTELS[1]
    assert colors.next_pastel([*colors.PASTELS, colors.PASTELS[0]]) == colors.PASTELS[1]
    assert len(set(colors.PASTELS)) == len(colors.PASTELS)
