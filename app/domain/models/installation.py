"""The installation: one row, whatever the number of portals."""

from sqlalchemy import CheckConstraint, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.models.base import Base


class Installation(Base):
    """The installation that the database belongs to. There is no row before the first start."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="one"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    secret_fingerprint: Mapped[str] = mapped_column(String(64))
    """Shows whether a secret is the one that the keys were made with, and reveals nothing else about it."""
