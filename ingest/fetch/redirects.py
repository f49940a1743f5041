"""Where a request goes next. Taken apart only where that is needed: most addresses are spelled as they are sent."""

from __future__ import annotations

import re
from typing import Final

import httpx

# What httpx.URL leaves as it is: lower case, nothing to encode, no port that goes without saying, no dot segments.
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_AS_SENT: Final = re.compile(
    rf"""(https?)://
    ((?![\d.]+[:/])(?!xn--)[a-z0-9-]+(?:\.[a-z0-9-]+)* | {_OCTET}(?:\.{_OCTET}){{3}})
    (?: : (?!80/|443/) [1-9]\d{{0,3}} | : [1-5]\d{{4}} )?
    (?: / (?!\.) [A-Za-z0-9_~.,;=@!$&*+-]* )+
    (?: \? [A-Za-z0-9_~.,;=@!$&*+/?-]+ )?""",
    re.VERBOSE,
)
_LONGEST: Final = 2000


class Hop:
    """One address on the way of a request.

    Raises:
        httpx.InvalidURL, UnicodeError, ValueError: it is no URL.
    """

    __slots__ = ("_url", "host", "scheme", "spelled")

    def __init__(self, url: str | httpx.URL) -> None:
        self._url: httpx.URL | None = None
        found = _AS_SENT.fullmatch(url) if isinstance(url, str) and len(url) <= _LONGEST else None
        if found is not None:
            self.spelled = found[0]
            self.scheme, self.host = found[1], found[2]
            return
        self._url = url if isinstance(url, httpx.URL) else httpx.URL(url)
        self.spelled = str(self._url)
        self.scheme, self.host = self._url.scheme, self._url.host

    @property
    def url(self) -> httpx.URL:
        """Its parts."""
        if self._url is None:
            self._url = httpx.URL(self.spelled)
        return self._url
