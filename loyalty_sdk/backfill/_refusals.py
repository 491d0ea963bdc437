"""Why rows were refused: what a run that stops because of them has to say."""

from __future__ import annotations

from collections import Counter

from loyalty_sdk._secrets import without_addresses

# Words that name the row differ from row to row: no more of them are kept than may matter.
_KINDS = 100
_LENGTH = 200


class Refusals:
    """Counts the errors of refused rows, in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, error: str) -> None:
        """One more row was refused so."""
        if error in self._counts or len(self._counts) < _KINDS:
            self._counts[error] += 1

    def words(self) -> str:
        """The most frequent of them and how many they were, in one line without addresses."""
        [(error, count)] = self._counts.most_common(1)
        text = " ".join(without_addresses(error).split())
        cut = text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."
        return f"{count} of them: {cut}"
