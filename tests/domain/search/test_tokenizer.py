"""Words as the search for duplicates reduces and compares them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.search import tokenizer

WORD = st.text(st.characters(codec="utf-8", categories=("Ll", "Nd")), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Exporting invoices", "export invoice"),
        ("E-mail", "email"),
        ("Größe ÄNDERN", "grosse andern"),
        ("Notificações não", "notificacoes nao"),
        ("Łódź", "lodz"),
        ("тёмную тему", "темную тему"),
        ("Categories", "category"),
        ("boxes and classes", "box & class"),
        ("Customer’s order", "customers order"),
        ("two-way sync", "2 way sync"),
        ("cancelled", "canceled"),
    ],
)
def test_what_people_do_not_tell_apart_is_reduced_to_the_same_words(one: str, other: str) -> None:
    assert tokenizer.tokenize(one) == tokenizer.tokenize(other)


def test_small_words_do_not_count() -> None:
    assert tokenizer.tokenize("Please let me log in to the app") == ["let", "log", "app"]


def test_small_words_count_when_there_are_no_others() -> None:
    assert tokenizer.tokenize("To be or not to be") == ["to", "be", "or", "not"]


def test_writing_without_blanks_is_read_by_pairs() -> None:
    assert tokenizer.tokenize("ダークモード API連携") == ["ダー", "ーク", "クモ", "モー", "ード", "api", "連携"]


def test_a_title_of_signs_alone_has_no_words() -> None:
    assert tokenizer.tokenize("?! … ---") == []


@pytest.mark.parametrize("slip", ["notfication", "notificaiton", "nottification", "notifixation", "natificaiton"])
def test_a_slip_or_two_leave_a_long_word_near(slip: str) -> None:
    assert 0.6 < tokenizer.similar_words(slip, ["notification"])["notification"] < 1


def test_short_words_and_other_words_are_not_near() -> None:
    assert tokenizer.similar_words("pdf", ["pdb", "pdf"]) == {"pdf": 1.0}
    assert tokenizer.similar_words("export", ["import", "expert"]) == {"expert": 0.75}
    assert tokenizer.similar_words("card", ["hardly"]) == {}


@given(WORD, st.data())
def test_words_one_slip_apart_share_a_signature(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(WORD)[0]
    slips = [word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :]]
    slips += [word[:at] + right + left + word[at + 2 :] for left, right in pairwise(word[at : at + 2])]

    near = tokenizer.similar_words(word, slips)

    assert all(tokenizer.deletion_hashes(word) & tokenizer.deletion_hashes(slip) for slip in near)
    assert set(near) == {
        slip for slip in slips if slip == word or min(tokenizer.max_edits(word), tokenizer.max_edits(slip))
    }


@given(st.text())
def test_any_text_has_words_that_fit_the_index(text: str) -> None:
    found = tokenizer.tokenize(text)

    assert len(found) == len(set(found))
    assert all(0 < len(word) <= tokenizer.MAX_TERM_LENGTH for word in found)
    assert all("\0" not in word for word in found)
