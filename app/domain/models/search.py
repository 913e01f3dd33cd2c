"""The index of titles by word, which the search for duplicates reads. All of it can be made anew from the posts."""

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.models.base import Base, BigId, Id, PortalScopedMixin

MAX_TERM_LENGTH = 24
"""Letters of a word that count."""


class IndexQueueEntry(Base):
    """A post whose title the index has yet to read: new, or changed.

    A create pays for this row, so it has no foreign keys; whoever reads the index drops rows of posts that are gone.
    """

    __tablename__ = "titles_waiting"
    __table_args__ = ({"sqlite_with_rowid": False},)

    portal_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    post_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)


class Term(PortalScopedMixin, Base):
    """A word of the portal's titles, as `app.domain.search.tokenizer` reduces it."""

    __tablename__ = "title_words"
    __table_args__ = (UniqueConstraint("portal_id", "word"),)

    id: Mapped[Id]
    word: Mapped[str] = mapped_column(String(MAX_TERM_LENGTH))
    posts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """In about how many titles it was seen; changed and deleted titles stay counted."""


class TermDeletion(Base):
    """The word with letters left out, hashed: words that share a signature are a slip or two apart.

    `word_id` is no foreign key, here and below: without an index on it alone, which nobody else needs, each word taken
    away would walk the whole table. Words go with their portal only, and then this goes, too.
    """

    __tablename__ = "title_word_signatures"
    __table_args__ = ({"sqlite_with_rowid": False},)

    portal_id: Mapped[int] = mapped_column(BigId, ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    signature: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    word_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)


class PostingList(Base):
    """The posts that have the word, packed by ranges of ids, because reading ten thousand rows costs too much.

    Ids are only ever added. Whoever reads them looks at the title itself before answering.
    """

    __tablename__ = "title_word_posts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    portal_id: Mapped[int] = mapped_column(BigId, ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    word_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    span: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """The post's id divided by the size of a range."""
    post_ids: Mapped[str] = mapped_column(Text)
    """`12,57,`"""
