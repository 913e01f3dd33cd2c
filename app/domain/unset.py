"""The word for "this one does not change", where null is itself a value that a field may take."""

from enum import Enum
from typing import Final, Literal, TypeAlias


class Keep(Enum):
    """A field that is not to change."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP
Kept: TypeAlias = Literal[Keep.KEEP]
