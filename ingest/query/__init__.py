"""Read queries for articles from the strings of a URL or a command line, without a database.

::

    values    one parameter: a string ─▶ text, host, language, time, id or limit; or Refused
    cursor    the position behind a result page, as an opaque string
    articles  all parameters ─▶ ArticleQuery

:mod:`ingest.db.article_search` runs the queries.
"""

from ingest.query.articles import QUERY_PARAMETERS, ArticleQuery, Sort, read_query
from ingest.query.cursor import PageCursor, RankCursor, decode_cursor, encode_cursor
from ingest.query.values import DEFAULT_LIMIT, MAX_LIMIT, read_text, read_uuid

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "QUERY_PARAMETERS",
    "ArticleQuery",
    "PageCursor",
    "RankCursor",
    "Sort",
    "decode_cursor",
    "encode_cursor",
    "read_query",
    "read_text",
    "read_uuid",
]
