"""Languages of articles: declared, detected, and decided from both.

::

    tags       a declared language, in any spelling ─▶ BCP 47 tag
    names      codes and names of languages: a table from CLDR
    scripts    the script of a text, and the languages that are written in it
    cyrillic   languages in Cyrillic by their letters
    detector   a text ─▶ language and confidence, or None
    decision   declared and detected language ─▶ the article's language
"""

from ingest.language.decision import Language, decide_language
from ingest.language.detector import DetectedLanguage, detect_language
from ingest.language.tags import declared_tag, primary

__all__ = ["DetectedLanguage", "Language", "decide_language", "declared_tag", "detect_language", "primary"]
