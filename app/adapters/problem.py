"""Errors that an operator must correct: what is wrong, and what to do."""


class Problem(Exception):
    """A problem that a person must correct. Both texts are one line, and contain no secret.

    `state` is what is wrong, with the value; `remedy` is what to do. The exception's own text is both, for logs.
    """

    def __init__(self, state: str, remedy: str) -> None:
        self.state = " ".join(state.split())
        self.remedy = " ".join(remedy.split())
        super().__init__(f"{self.state}: {self.remedy}")


class InvalidValue(Problem, ValueError):
    """A value that a setting can't have. `state` does not repeat the value."""
