"""The word for "this one does not change", where null is itself a value that a field may take."""

from enum import Enum
from typing import Final, Literal, TypeAlias


class UnsetType(Enum):
    """A field that is not to change."""

    UNSET = "keep"


UNSET: Final = UnsetType.UNSET
Unset: TypeAlias = Literal[UnsetType.UNSET]
