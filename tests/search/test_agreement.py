"""PostgreSQL and the matcher for snippets agree about which document a query matches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from ingest.errors import Refused
from ingest.search import index_document, parse_search
from ingest.search.lexemes import FIELDS
from ingest.search.matching import Matcher, field_prefix
from ingest.search.nodes import AllOf, AnyOf, Node, Phrase, Without
from ingest.search.stems import stemmer_language
from ingest.search.terms import lexeme_tree
from ingest.text import token_offsets
from tests.search.vocabulary import languages, queries, spelled_words, texts

pytestmark = pytest.mark.store

EXAMPLES = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    title: str
    text: str
    authors: tuple[str, ...]
    publisher: str | None
    language: str | None

    def vector(self) -> str:
        return index_document(
            title=self.title,
            text=self.text,
            authors=self.authors,
            publisher=self.publisher,
            language=self.language,
        ).vector


def documents(words: st.SearchStrategy[str] = spelled_words) -> st.SearchStrategy[Document]:
    return st.builds(
        Document,
        title=texts(words),
        text=texts(words),
        authors=st.lists(texts(words), max_size=2).map(tuple),
        publisher=st.none() | texts(words),
        language=languages,
    )


# Few different words, so that many queries match.
cases = st.lists(spelled_words, min_size=2, max_size=5).flatmap(
    lambda words: st.tuples(documents(st.sampled_from(words)), queries(st.sampled_from(words)))
)


def matches(node: Node, document: Document) -> bool:
    """Evaluate a query over the hits of the matcher."""
    match node:
        case AllOf(nodes=nodes):
            return all(matches(inner, document) for inner in nodes)
        case AnyOf(nodes=nodes):
            return any(matches(inner, document) for inner in nodes)
        case Without(node=inner):
            return not matches(inner, document)
        case Phrase():
            fields: dict[str, tuple[str, ...]] = {
                "": (document.title, document.text),
                FIELDS["title"]: (document.title,),
                FIELDS["author"]: document.authors,
                FIELDS["publisher"]: (document.publisher or "",),
            }
            language = stemmer_language(document.language)
            return any(Matcher(field, language).hits([node]) for field in fields[field_prefix(node)])


def postgres_matches(connection: Connection, vector: str, tsquery: str) -> bool:
    statement = text("SELECT CAST(:vector AS tsvector) @@ CAST(:query AS tsquery)")
    return bool(connection.scalar(statement, {"vector": vector, "query": tsquery}))


@pytest.fixture
def connection(database: Engine) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


@given(case=cases, filtered=st.booleans())
@EXAMPLES
def test_postgresql_and_the_matcher_agree(
    connection: Connection, case: tuple[Document, str], filtered: bool
) -> None:
    document, query = case
    try:
        search = parse_search(query)
    except Refused:
        return
    language = document.language if filtered else None
    tree = lexeme_tree(search.expression, stemmer_language(language))
    expected = matches(tree, document)
    assert postgres_matches(connection, document.vector(), search.tsquery(language)) == expected


def spellings(word: str) -> Iterator[str]:
    """Yield what a person may type for a word of a text."""
    yield f'"{word}"'
    for spelling in (word, word.upper(), word.lower(), normalize("NFD", word), normalize("NFC", word)):
        if spelling.upper() not in ("OR", "AND", "NOT"):
            yield spelling


@given(document=documents())
@EXAMPLES
def test_each_word_of_an_article_is_found_as_it_is_typed(connection: Connection, document: Document) -> None:
    vector = document.vector()
    for field in (document.title, document.text):
        spans = token_offsets(field)
        for start, end in spans:
            if spans.count((start, end)) == 1:  # "½" is the two words "1" and "2"
                for query in spellings(field[start:end]):
                    assert postgres_matches(connection, vector, parse_search(query).tsquery()), query


def test_a_vector_of_repeated_words_keeps_the_positions_that_postgresql_takes(connection: Connection) -> None:
    document = Document(title="", text="again " * 300 + "end", authors=(), publisher=None, language="en")
    vector = connection.scalar(text("SELECT CAST(:vector AS tsvector)"), {"vector": document.vector()})
    assert vector.count(",") == 254


@pytest.mark.parametrize(
    "long_text",
    [
        "-".join(f"hyphen{number}" for number in range(20_000)),
        " ".join(f"слово{number}" for number in range(100_000)),
        "長" * 100_000,
        "".join(chr(0x4E00 + number % 20_000) for number in range(200_000)),
        "𠀀" * 30_000 + "".join(chr(0x20000 + number % 40_000) for number in range(200_000)),
        "x" * 300_000,
        "북한" * 40_000,
        "ก" + "\u0301\u0316" * 5_000,
        "a." * 5_000,
    ],
    ids=[
        "compounds",
        "words",
        "one character",
        "characters",
        "rare characters",
        "one word",
        "hangul",
        "marks",
        "acronym",
    ],
)
def test_a_text_too_long_for_the_index_is_searchable_as_far_as_it_goes(
    connection: Connection, long_text: str
) -> None:
    document = index_document(
        title="Report", text=f"Beginning. {long_text}", authors=(), publisher=None, language="en"
    )
    assert postgres_matches(connection, document.vector, parse_search("report begin").tsquery())
    size = connection.scalar(
        text("SELECT pg_column_size(CAST(:vector AS tsvector))"), {"vector": document.vector}
    )
    assert size < 1_048_576


def test_an_incomplete_index_document_says_so() -> None:
    long = index_document(title="", text="ab " * 20_000, authors=(), publisher=None, language=None)
    short = index_document(title="", text="ab " * 200, authors=(), publisher=None, language=None)
    assert (long.complete, short.complete) == (False, True)


def test_a_word_behind_the_last_position_is_found_but_not_as_part_of_a_phrase(connection: Connection) -> None:
    words = " ".join(f"word{number}" for number in range(20_000))
    vector = index_document(title="", text=words, authors=(), publisher=None, language="en").vector
    assert postgres_matches(connection, vector, parse_search("word19999").tsquery())
    assert postgres_matches(connection, vector, parse_search('"word11 word12"').tsquery())
    for phrase in ('"word19998 word19999"', '"word16380 word19999"', '"word16381 word19999"'):
        assert not postgres_matches(connection, vector, parse_search(phrase).tsquery())


def test_no_phrase_begins_in_one_text_and_ends_in_another(connection: Connection) -> None:
    document = Document(
        title="at north", text="korea 中", authors=("Kim Il", "Sung Ho"), publisher=None, language="en"
    )
    for phrase in ('"north korea"', 'author:"il sung"'):
        assert not postgres_matches(connection, document.vector(), parse_search(phrase).tsquery())
    for phrase in ('"at north"', '"korea 中"', 'author:"sung ho"'):
        assert postgres_matches(connection, document.vector(), parse_search(phrase).tsquery())


def test_the_longest_query_is_read_by_postgresql(connection: Connection) -> None:
    search = parse_search(" ".join(["institutionalisation"] * 60 + ["中国" * 200]))
    assert not postgres_matches(connection, "'a':1", search.tsquery())
