"""The value of a parameter that leaves a field unchanged, where None is itself a value of the field."""

from enum import Enum
from typing import Final, Literal, TypeAlias


class UnsetType(Enum):
    """The type of UNSET."""

    UNSET = "keep"


UNSET: Final = UnsetType.UNSET
Unset: TypeAlias = Literal[UnsetType.UNSET]
