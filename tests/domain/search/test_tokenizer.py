"""Words as the search for duplicates compares them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.search import tokenizer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Exports of invoices", "export invoice"),
        ("E-mail", "email"),
        ("Größe ÄNDERN", "grosse andern"),
        ("Notificações não", "notificacoes nao"),
        ("Łódź", "lodz"),
        ("тёмную тему", "темную тему"),
        ("Categories", "category"),
        ("boxes and classes", "box & class"),
        ("Customer’s order", "customers order"),
        ("two-way sync", "2 way sync"),
    ],
)
def test_what_people_do_not_tell_apart_is_reduced_to_the_same_words(one: str, other: str) -> None:
    assert tokenizer.tokenize(one) == tokenizer.tokenize(other)


def test_function_words_do_not_count() -> None:
    assert tokenizer.tokenize("Please let me log in to the app") == ["let", "log", "app"]


def test_function_words_count_when_there_are_no_others() -> None:
    assert tokenizer.tokenize("To be or not to be") == ["to", "be", "or", "not"]


def test_a_title_of_signs_alone_has_no_words() -> None:
    assert tokenizer.tokenize("?! … ---") == []


@given(st.text())
def test_any_text_has_each_word_once(text: str) -> None:
    words = tokenizer.tokenize(text)

    assert len(words) == len(set(words))
    assert all("\0" not in word for word in words)
