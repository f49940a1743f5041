"""Values that the parts of the reader of dates share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Languages and country of a feed: they decide dates that their text leaves open."""

    languages: tuple[str, ...] = ()
    """Declared languages in lower case, such as ``en-us``."""
    country: str | None = None
    """Top-level domain of the feed's address."""

    @property
    def bases(self) -> tuple[str, ...]:
        """Languages without their regions."""
        return tuple([language.partition("-")[0] for language in self.languages])

    @property
    def places(self) -> frozenset[str]:
        """Countries and languages, which tell abbreviations of zones apart."""
        parts = {part for language in self.languages for part in language.split("-")}
        return frozenset(parts | {self.country} if self.country else parts)


NO_EVIDENCE: Final = Evidence()


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts of a date that have been read."""

    hour: int = 0
    minute: int = 0
    second: int = 0
    zone: tzinfo | None = None
    half: str | None = None
    has_time: bool = False
    weekdays: set[int] = field(default_factory=set)


class Unknown(Exception):
    """A part of the text has no meaning, or two."""
