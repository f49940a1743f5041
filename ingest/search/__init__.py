"""Full-text search without a database: index documents, queries, snippets, for every script.

::

    article ─index_document─▶ IndexDocument.vector ─┐
                                                    ├─ @@ in PostgreSQL ─▶ ids
    q ─parse_search─▶ SearchQuery ─tsquery─▶────────┘
                           └─ snippet, highlight ─▶ Fragments

Index, query and snippet read text by the same terms (:mod:`ingest.search.analysis`), so a word of a text is found
when it is typed. :mod:`ingest.search.lexemes` names the lexemes; ``docs/search.md`` describes the syntax.
"""

from ingest.search.document import INDEX_VERSION, IndexDocument, index_document
from ingest.search.queries import SNIPPET_TEXT_CHARACTERS, SearchQuery, parse_search
from ingest.search.snippets import Fragment
from ingest.search.symbols import ACCEPTED

__all__ = [
    "ACCEPTED",
    "INDEX_VERSION",
    "SNIPPET_TEXT_CHARACTERS",
    "Fragment",
    "IndexDocument",
    "SearchQuery",
    "index_document",
    "parse_search",
]
