"""Print the table of ``ingest.language.names`` from Babel's CLDR data: ``python -m tests.language.tables``."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError
from babel.core import get_global


def table() -> str:
    """Return one line for each language with a code of two letters: the code, then its other codes and its names."""
    names = Locale.parse("en").languages
    codes = sorted(str(code) for code in names if len(str(code)) == 2)
    spellings: dict[str, set[str]] = {code: set() for code in codes}
    for alias, target in get_global("language_aliases").items():
        language = str(target).split("_")[0]
        if language in spellings and alias != language and "_" not in alias:
            spellings[language].add(alias)
    for code in codes:
        spellings[code].add(key(names[code]))
        try:
            autonym = Locale.parse(code).get_display_name(code)
        except UnknownLocaleError:
            continue
        if autonym:
            spellings[code].add(key(autonym))
    # "no" is a language of its own here: feeds that declare it do not state which of the two written forms they use.
    spellings["nb"].discard("no")
    return "\n".join(f"{code} {' '.join(sorted(spellings[code]))}" for code in codes)


def key(name: str) -> str:
    return name.casefold().replace(" ", "-")


if __name__ == "__main__":
    print(table())
