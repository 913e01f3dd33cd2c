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
def test_equivalent_spellings_have_the_same_tokens(one: str, other: str) -> None:
    assert tokenizer.tokenize(one) == tokenizer.tokenize(other)


def test_function_words_are_ignored() -> None:
    assert tokenizer.tokenize("Please let me log in to the app") == ["let", "log", "app"]


def test_function_words_are_kept_if_there_are_no_others() -> None:
    assert tokenizer.tokenize("To be or not to be") == ["to", "be", "or", "not"]


def test_a_title_of_punctuation_has_no_tokens() -> None:
    assert tokenizer.tokenize("?! … ---") == []


@given(st.text())
def test_any_text_has_each_token_once(text: str) -> None:
    words = tokenizer.tokenize(text)

    assert len(words) == len(set(words))
    assert all("\0" not in word for word in words)


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("Dark MODE, dark", {"dark": "dark", "mode": "mode"}),
        ("Größe", {"grosse": "große"}),
        ("Łódź", {"lodz": "łodz"}),
        ("E-mail", {"email": "e mail"}),
        ("O'Reilly", {"oreilly": "o reilly"}),
        ("two-way <b class='x'>sync</b> a<b", {"two": "two", "way": "way", "sync": "sync", "a": "a", "b": "b"}),
    ],
)
def test_the_index_has_words_in_another_form_than_the_folded_one(text: str, forms: dict[str, str]) -> None:
    assert tokenizer.index_forms(text) == forms
