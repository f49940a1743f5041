"""Migrations lead to the tables of the code, in both directions, with data; other revisions are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect, text

from ingest.db import migrate
from ingest.db.engine import open_engine, transaction
from ingest.db.feed_states import MUTED_WITH
from ingest.db.tables import metadata
from ingest.errors import Refused, WrongMigration
from ingest.identity import content_hash

pytestmark = pytest.mark.store


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_upgrading_from_nothing_gives_exactly_the_tables_of_the_code(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        assert inspect(connection).get_sequence_names() >= ["poll_ids"]
        # Autogenerate compares neither expressions of columns and indexes nor storage, so they are compared here.
        migrated = _expressions(connection)
    with empty.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
        metadata.create_all(connection)
        created = _expressions(connection)
    created = {row for row in created if "alembic_version" not in row}
    assert {row for row in migrated if "alembic_version" not in row} == created


def _expressions(connection: object) -> set[str]:
    query = """
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT table_name || '.' || column_name || ' = ' || generation_expression
                  FROM information_schema.columns WHERE generation_expression IS NOT NULL
        UNION ALL SELECT conrelid::regclass::text || ': ' || pg_get_constraintdef(oid)
                  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT attrelid::regclass::text || '.' || attname || ' is stored ' || attstorage::text
                  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                  WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    """
    return {row[0] for row in connection.execute(text(query))}  # type: ignore[attr-defined]


def test_upgrading_twice_changes_nothing(empty: Engine) -> None:
    migrate.upgrade(empty)
    migrate.upgrade(empty)
    migrate.check(empty)


def test_downgrading_to_nothing_leaves_nothing_and_upgrading_again_works(empty: Engine) -> None:
    migrate.upgrade(empty)
    migrate.downgrade(empty, to="base")
    with empty.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {"alembic_version"}
        assert inspect(connection).get_sequence_names() == []
    migrate.upgrade(empty)
    migrate.check(empty)


@pytest.mark.parametrize("to", ["nope", "0005", "-1", ""])
def test_a_migration_that_is_not_there_to_go_back_to_is_refused_by_name(empty: Engine, to: str) -> None:
    migrate.upgrade(empty, to="0004")
    with pytest.raises(
        Refused, match="expected head, base, or a migration from 0001 to 0004, the"
    ) as refused:
        migrate.downgrade(empty, to=to)
    assert f"--to: {to!r} is not accepted" in str(refused.value)
    assert migrate.current(empty) == "0004"


def test_a_database_without_any_migration_is_at_base_already(empty: Engine) -> None:
    migrate.downgrade(empty, to="base")
    with pytest.raises(Refused, match="--to: '0001' is not accepted; expected head, base"):
        migrate.downgrade(empty, to="0001")


def test_an_older_database_is_refused_with_the_remedy(empty: Engine) -> None:
    with pytest.raises(WrongMigration, match="run `ingest migrate` first"):
        migrate.check(empty)


def test_a_newer_database_is_refused_and_left_alone(empty: Engine) -> None:
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (migrate.check, migrate.upgrade):
        with pytest.raises(WrongMigration, match=r"9999.*newer than this code"):
            attempt(empty)
    assert migrate.current(empty) == "9999"


def test_feeds_that_are_one_under_http_and_https_become_one(empty: Engine) -> None:
    migrate.upgrade(empty, to="0004")
    with transaction(empty) as connection:
        for url, polled in (
            ("http://a/1", "now()"),
            ("https://a/1", "NULL"),
            ("https://a/2", "NULL"),
            ("http://a/2", "NULL"),
        ):
            connection.execute(
                text(
                    "INSERT INTO feeds (url, added_at, next_poll_at, interval, polled_at) "
                    f"VALUES ('{url}', now(), now(), interval '1h', {polled})"
                )
            )
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        left = connection.execute(text("SELECT url FROM feeds ORDER BY id")).scalars().all()
    assert left == ["http://a/1", "https://a/2"]


def test_feeds_from_before_they_had_states_stand_as_their_polls_went(empty: Engine) -> None:
    migrate.upgrade(empty, to="0006")
    with transaction(empty) as connection:
        connection.execute(
            text(
                """INSERT INTO feeds (url, added_at, next_poll_at, interval, enabled, polled_at, failures, body_hash)
                VALUES ('https://a/1', now(), now(), '1h', true, NULL, 0, NULL),
                    ('https://a/2', now(), now(), '1h', true, now(), 1, 'x'),
                    ('https://a/3', now(), now(), '1h', true, now(), 2, 'x'),
                    ('https://a/4', now(), now(), '1h', true, now(), 5, 'x'),
                    ('https://a/5', now(), now(), '1h', false, now(), 9, 'x')"""
            )
        )
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        rows = connection.execute(
            text("SELECT state, parser_version, full_text FROM feeds ORDER BY id")
        ).all()
    assert [tuple(row) for row in rows] == [
        ("new", 0, False),
        ("healthy", 1, False),
        ("degraded", 1, False),
        ("backing-off", 1, False),
        ("muted", 1, False),
    ]


def test_going_back_behind_indexes_of_sitemaps_lets_their_sitemaps_go(empty: Engine) -> None:
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        for url, parent in (
            ("https://a/index", "NULL"),
            ("https://a/news-1", "1"),
            ("https://a/own", "NULL"),
        ):
            connection.execute(
                text(
                    "INSERT INTO feeds (url, added_at, next_poll_at, interval, parent_id) "
                    f"VALUES ('{url}', now(), now(), interval '1h', {parent})"
                )
            )
    migrate.downgrade(empty, to="0008")
    with transaction(empty) as connection:
        left = connection.execute(text("SELECT url FROM feeds ORDER BY id")).scalars().all()
    assert left == ["https://a/index", "https://a/own"]


def test_authors_come_into_the_digests_of_what_is_stored_and_go_out_again(empty: Engine) -> None:
    bare = content_hash("Title", "Text.", ())
    named = content_hash("Title", "Text.", ("Ann Author", "Bo  Byline"))
    other = content_hash("Title", "Text.", ("Ann Author",))
    feeds, pages = _digests("revisions"), _digests("pages")
    migrate.upgrade(empty, to="0013")
    with transaction(empty) as connection:
        for number, authors in ((1, "{Bo Byline,Ann Author}"), (2, "{}")):
            article = {
                "id": f"0000000{number}-0000-0000-0000-000000000000",
                "digest": bare,
                "authors": authors,
            }
            connection.execute(
                text(
                    "INSERT INTO articles (id, revision, latest, digest, story_id, feed_id, source, first_seen_at, "
                    "revised_at, sort_at) VALUES (:id, 1, 1, :digest, :id, 1, 'a.example', now(), now(), now())"
                ),
                article,
            )
            connection.execute(text(_REVISION.format(number=1)), article)
            connection.execute(
                text(
                    "INSERT INTO pages (article_id, digest, feed_id, entry_key, url, wanted_at, due_at) "
                    "VALUES (:id, :digest, 1, '', 'https://a.example/1', now(), now())"
                ),
                article,
            )
    migrate.upgrade(empty, to="0014")
    with transaction(empty) as connection:
        assert feeds(connection) == pages(connection) == [named, bare]
        polls = connection.execute(text("SELECT revised_feed_id, revised_poll_id FROM articles"))
        assert [tuple(row) for row in polls] == [(5, 8), (5, 8)]
        edited = {"id": "00000001-0000-0000-0000-000000000000", "digest": other, "authors": "{Ann Author}"}
        connection.execute(text(_REVISION.format(number=2)), edited)
    migrate.downgrade(empty, to="0013")
    with transaction(empty) as connection:
        # Two revisions have one text: only one of them can have its digest.
        assert feeds(connection) == [bare, other, bare]
        assert pages(connection) == [bare, bare]
        assert [bytes(row[0]) for row in connection.execute(text("SELECT digest FROM articles"))] == [
            bare,
            bare,
        ]
    migrate.upgrade(empty)
    migrate.check(empty)


_REVISION = """
    INSERT INTO revisions (article_id, number, current, digest, seen_at, feed_id, poll_id, title, authors, summary,
        text, html, categories)
    VALUES (:id, {number}, {number} = 1, :digest, now(), 5, 8, 'Title', :authors, '', 'Text.', '', '{{}}')"""


def _digests(table: str) -> Callable[[Connection], list[bytes]]:
    query = text(
        f"SELECT digest FROM {table} ORDER BY article_id" + (", number" if table == "revisions" else "")
    )
    return lambda connection: [bytes(row[0]) for row in connection.execute(query)]


def test_columns_tables_and_json_keys_get_their_standard_names_and_lose_them_again(empty: Engine) -> None:
    migrate.upgrade(empty, to="0015")
    with transaction(empty) as connection:
        for statement in _ROWS_BEFORE_0016:
            connection.execute(text(statement))
        before = {table: _rows(connection, table) for table in _RENAMED_BY_0016}
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        feed = _rows(connection, "feeds")[0]
        assert feed["poll_hints"] == {"interval_seconds": 60.0, "skip_hours": [1], "skip_days": []}
        assert feed["publish_gaps"] == {
            "last_new_at": "2026-03-01T12:00:00+00:00",
            "mean_seconds": 5.0,
            "deviation_seconds": 1.0,
            "count": 3,
        }
        assert feed["user_agent_trial"] == {"state": "fallback", "since": "2026-03-01T12:00:00+00:00"}
        assert feed["site_identity"] == {"title": "T", "hosts": ["a.example"], "language": None}
        assert (feed["site_changed_reason"], feed["validators_unreliable"]) == ("other hosts", True)
        muted = [row["state_reason"] for row in _rows(connection, "feeds")[1:]]
        assert muted == [MUTED_WITH.format(1), "its index, feed 1, was muted by Ann"]
        assert _rows(connection, "websub_subscriptions")[0]["push_count"] == 7
        assert len(_rows(connection, "websub_pushes")) == len(_rows(connection, "hub_misses")) == 1
        values = [row["value"] for row in _rows(connection, "log_records")]
        # A key is renamed; the same characters inside a text, where quotes are escaped, are not.
        assert values == [
            rb'{"v":1,"content_hash":"00","text":"\"digest\":\"x","page":{"content_hash":"01"}}',
            b"\xff\x00\\ no JSON",
            b'{"v":1,"kind":"site-changed","reason":"drifted"}',
        ]
        assert _rows(connection, "log_records")[2]["headers"] == {"kind": "site-changed", "v": "1"}
    migrate.downgrade(empty, to="0015")
    with transaction(empty) as connection:
        assert {table: _rows(connection, table) for table in _RENAMED_BY_0016} == before
    migrate.upgrade(empty)
    migrate.check(empty)


_RENAMED_BY_0016 = (
    *("feeds", "hosts", "seen", "subscriptions", "pushes", "unpushed", "pages", "sightings"),
    *("log_records", "quarantine"),
)
_ROWS_BEFORE_0016 = (
    """INSERT INTO feeds (url, added_at, next_poll_at, interval, asked, rhythm, about, agent, drifted, distrusted,
        cadence_entries, cadence_hours, read_by, body_at, turn_at, wait_until, request)
    VALUES ('https://a.example/1', now(), now(), '1h',
        '{"every_seconds": 60.0, "skip_hours": [1], "skip_days": []}',
        '{"fresh_at": "2026-03-01T12:00:00+00:00", "gap_seconds": 5.0, "deviation_seconds": 1.0, "gaps": 3}',
        '{"title": "T", "hosts": ["a.example"], "language": null}',
        '{"use": "fallback", "since": "2026-03-01T12:00:00+00:00"}', 'other hosts', true, 2, 3, 2, now(), now(), now(),
        '{"user_agent": "Example/1"}')""",
    """INSERT INTO feeds (url, added_at, next_poll_at, interval, enabled, state, state_reason) VALUES
        ('https://a.example/2', now(), now(), '1h', false, 'muted', 'its index, feed 1, was muted'),
        ('https://a.example/3', now(), now(), '1h', false, 'muted', 'its index, feed 1, was muted by Ann')""",
    "INSERT INTO hosts (host, free_at, queue_end, pages_end) VALUES ('a.example', now(), now(), now())",
    "INSERT INTO seen VALUES (1, 'k', 'd', '00000000-0000-0000-0000-000000000001', 1, 'm')",
    """INSERT INTO subscriptions (feed_id, token, secret, hubs, hub, self_url, topic, state, trust, pushed, missed,
        dropped, asked_at, pushed_at, pinged_at)
    VALUES (1, 't', 's', '{https://hub.example}', 'https://hub.example', 'u', 'u', 'active', 1, 7, 2, 1, now(), now(),
        now())""",
    "INSERT INTO pushes (id, feed_id, received_at, body) VALUES (1, 1, now(), 'x')",
    "INSERT INTO unpushed VALUES (1, 'k', now())",
    """INSERT INTO pages (article_id, digest, feed_id, entry_key, url, wanted_at, due_at, turn_at)
    VALUES ('00000000-0000-0000-0000-000000000001', 'd', 1, 'k', 'https://a.example/1', now(), now(), now())""",
    """INSERT INTO sightings VALUES
        ('00000000-0000-0000-0000-000000000001', 1, 1, now(), 'created', 1, 'news.articles/0/1')""",
    "INSERT INTO log_topics (name) VALUES ('news.articles'), ('news.alerts')",
    r"""INSERT INTO log_records (topic_id, "offset", key, value, headers, appended_at) VALUES
        (1, 1, 'k', convert_to('{"v"\:1,"digest"\:"00","text"\:"\"digest\"\:\"x","page"\:{"digest"\:"01"}}', 'UTF8'),
            '{}', now()),
        (1, 2, 'k', '\xff005c206e6f204a534f4e', '{}', now()),
        (2, 1, 'k', convert_to('{"v"\:1,"kind"\:"drifted","reason"\:"drifted"}', 'UTF8'),
            '{"kind"\: "drifted", "v"\: "1"}',
            now())""",
    r"""INSERT INTO quarantine (quarantined_at, stage, topic, partition, "offset", key, value, headers, error, detail)
    VALUES (now(), 'persist', 'news.articles', 0, 1, 'k', convert_to('{"digest"\:"zz"}', 'UTF8'), '{}',
        'Unusable', 'd')""",
)


_OLD_EXPLANATION = (
    '{"rule":"any","found":[{"where":"title","phrase":"a","at":12,"quote":"b"},'
    '{"where":"text","phrase":"c","at":0,"quote":"d"}]}'
)
_NEW_EXPLANATION = (
    '{"rule":"any","matches":[{"field":"title","phrase":"a","offset":12,"quote":"b"},'
    '{"field":"text","phrase":"c","offset":0,"quote":"d"}]}'
)
_TITLE = r"\"found\":[ {\"where\":\" \"at\":1,\"quote\":\" ü"


def _event(explanation: str) -> bytes:
    return f'{{"v":1,"at":"2026-03-01T12:00:00+00:00","article":{{"title":"{_TITLE}"}},"match":{explanation}}}'.encode()


def test_explanations_get_standard_keys_in_matches_and_stored_events(empty: Engine) -> None:
    migrate.upgrade(empty, to="0015")
    article_id = "00000000-0000-0000-0000-000000000001"
    nothing = '{"rule":"everything: true","found":[]}'
    values = [_event(explanation) for explanation in (_OLD_EXPLANATION, nothing, "null")]
    with transaction(empty) as connection:
        connection.execute(
            text(
                """INSERT INTO articles (id, revision, latest, story_id, feed_id, source, first_seen_at, revised_at,
                    revised_feed_id, revised_poll_id, sort_at)
                VALUES (:id, 1, 1, :id, 1, 'a.example', now(), now(), 1, 1, now())"""
            ),
            {"id": article_id},
        )
        for slug, explanation in (("a", _OLD_EXPLANATION), ("b", nothing)):
            connection.execute(
                text("INSERT INTO topics (slug, title, rule, changed_at) VALUES (:slug, 'T', '{}', now())"),
                {"slug": slug},
            )
            connection.execute(
                text("INSERT INTO matches VALUES (:slug, :id, 1, :explanation, now())"),
                {"slug": slug, "id": article_id, "explanation": explanation},
            )
        connection.execute(text("INSERT INTO log_topics (name) VALUES ('news.topic.a')"))
        for offset, value in enumerate(values, 1):
            connection.execute(
                text(
                    """INSERT INTO log_records (topic_id, "offset", key, value, appended_at)
                    VALUES (1, :offset, :key, :value, now())"""
                ),
                {"offset": offset, "key": article_id, "value": value},
            )
        before = {table: _rows(connection, table) for table in ("matches", "log_records")}
    migrate.upgrade(empty)
    with transaction(empty) as connection:
        assert [row["explanation"] for row in _rows(connection, "matches")] == [
            json.loads(_NEW_EXPLANATION),
            {"rule": "everything: true", "matches": []},
        ]
        assert [row["value"] for row in _rows(connection, "log_records")] == [
            _event(_NEW_EXPLANATION),
            _event('{"rule":"everything: true","matches":[]}'),
            _event("null"),
        ]
    migrate.downgrade(empty, to="0015")
    with transaction(empty) as connection:
        assert {table: _rows(connection, table) for table in before} == before


def _rows(connection: Connection, table: str) -> list[dict[str, object]]:
    """Return every row of a table in a stable order."""
    rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).mappings()
    return [dict(row) for row in rows]
