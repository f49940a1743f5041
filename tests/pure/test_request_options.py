"""Request options of a feed: accepted values, and the masked form for display."""

from __future__ import annotations

import json

import pytest
import trustme

from ingest.errors import Refused
from ingest.jsonable import jsonable
from ingest.request_options import (
    HIDDEN,
    MAX_HEADERS,
    RESERVED,
    decode_options,
    encode_options,
    masked,
    masked_proxy,
    read_ca,
    read_header,
    read_proxy,
    read_user_agent,
    scoped_to,
    with_headers,
)
from ingest.types import DEFAULT_REQUEST, RequestOptions, TlsException

SECRET = "hunter2"
FULL = RequestOptions(
    user_agent="Example/1",
    headers=(("Authorization", f"Bearer {SECRET}"), ("Accept-Language", "ko")),
    proxy=f"http://me:{SECRET}@proxy.example:3128",
    tls=frozenset({TlsException.WEAK, TlsException.OLD_VERSIONS}),
    ca=trustme.CA().cert_pem.bytes().decode(),
)


@pytest.mark.parametrize("options", [FULL, DEFAULT_REQUEST, RequestOptions(user_agent="x")])
def test_options_are_stored_as_they_are(options: RequestOptions) -> None:
    assert decode_options(json.loads(json.dumps(encode_options(options)))) == options


def test_no_options_are_stored_as_nothing() -> None:
    assert encode_options(DEFAULT_REQUEST) is None
    assert masked(DEFAULT_REQUEST) is None


def test_secrets_are_in_nothing_that_is_shown() -> None:
    shown = masked(FULL)
    assert shown is not None
    assert SECRET not in json.dumps(jsonable(shown)) + repr(shown) + repr(FULL)
    assert shown.headers == {"Authorization": HIDDEN, "Accept-Language": "ko"}
    assert shown.proxy == f"http://{HIDDEN}@proxy.example:3128"
    assert shown.tls == ("tls1.0", "weak")
    assert [len(each) for each in shown.ca] == [len("sha256:") + 64]


@pytest.mark.parametrize(
    ("proxy", "shown"),
    [
        ("http://a:b@c:1", f"http://{HIDDEN}@c:1"),
        ("http://c:1", "http://c:1"),
        ("a:b@c", f"{HIDDEN}@c"),
        ("http://a:p@ss@c:1", f"http://{HIDDEN}@c:1"),
        ("http://c:1/?key=hunter2", "http://c:1/"),
    ],
)
def test_a_proxy_is_shown_without_its_password(proxy: str, shown: str) -> None:
    assert masked_proxy(proxy) == shown


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("X-Token: abc", ("X-Token", "abc")),
        (" Authorization:Basic a:b ", ("Authorization", "Basic a:b")),
        ("Accept-Language: ko,\ten", ("Accept-Language", "ko,\ten")),
        ("X-Token:", ("X-Token", "")),
        ("X-Token: abc\n", ("X-Token", "abc")),
    ],
)
def test_a_header_is_a_name_and_a_value(said: str, read: tuple[str, str]) -> None:
    assert read_header("--header", said) == read


@pytest.mark.parametrize(
    "said",
    [
        f"Bearer {SECRET}",
        f": {SECRET}",
        f"X Token: {SECRET}",
        f"X-Tökén: {SECRET}",
        f"X-Token: {SECRET}\r\nHost: inside",
        f"X-Token: {SECRET}\0",
        f"X-Token: {SECRET}ü",
        f"X-Token: {SECRET}" + "x" * 5000,
        "x" * 200 + f": {SECRET}",
    ],
)
def test_what_is_no_header_is_refused_without_repeating_it(said: str) -> None:
    with pytest.raises(Refused) as refused:
        read_header("--header", said)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", [*RESERVED, "Proxy-Authorization", "proxy-connection", "COOKIE"])
def test_a_header_that_is_ours_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(Refused, match=r"another header: .+") as refused:
        read_header("--header", f"{name}: {SECRET}")
    assert SECRET not in str(refused.value)


def test_headers_replace_each_other_by_name_and_an_empty_one_takes_one_away() -> None:
    options = with_headers(DEFAULT_REQUEST, [("X-A", "1"), ("X-B", "2")], thing="--header")
    options = with_headers(options, [("x-a", "3"), ("X-B", "")], thing="--header")
    assert options.headers == (("x-a", "3"),)


def test_a_header_is_given_once_and_not_too_many_of_them() -> None:
    with pytest.raises(Refused, match="each header once"):
        with_headers(DEFAULT_REQUEST, [("X-A", "1"), ("x-a", "2")], thing="--header")
    enough = [(f"X-{number}", "1") for number in range(MAX_HEADERS)]
    options = with_headers(DEFAULT_REQUEST, enough, thing="--header")
    assert len(options.headers) == MAX_HEADERS
    with pytest.raises(Refused, match="at most 20"):
        with_headers(options, [("X-More", "1")], thing="--header")


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        (" http://me:pass@10.0.0.1:80/ ", "http://me:pass@10.0.0.1:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_proxy_is_an_address_with_a_port(said: str, read: str) -> None:
    assert read_proxy("--proxy", said) == read


@pytest.mark.parametrize(
    "said",
    [
        f"socks5://me:{SECRET}@proxy:1080",
        f"https://me:{SECRET}@proxy:443",
        f"me:{SECRET}@proxy:3128",
        f"http://me:{SECRET}@proxy",
        f"http://me:{SECRET}@proxy:99999",
        f"http://me:{SECRET}@:1",
        f"http://proxy:1/?password={SECRET}",
        f"http://me:{SECRET}@proxy:1/path",
        f"http://me:{SECRET}\r\n@proxy:1",
        "proxy:3128",
        "",
    ],
)
def test_what_is_no_proxy_is_refused_without_its_password(said: str) -> None:
    with pytest.raises(Refused) as refused:
        read_proxy("--proxy", said)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("said", ["", "  ", "two\nlines", "naïve/1", "x" * 501])
def test_what_is_no_user_agent_is_refused(said: str) -> None:
    with pytest.raises(Refused):
        read_user_agent("--user-agent", said)


def test_of_a_file_of_certificates_nothing_but_them_is_kept() -> None:
    one, two = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    kept = read_ca("--ca-file", f"subject: x\n{one}{key}{two}")
    assert kept == f"{one.strip()}\n{two.strip()}"


@pytest.mark.parametrize(
    "said",
    ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "x" * 70_000],
)
def test_a_file_without_a_certificate_is_refused(said: str) -> None:
    with pytest.raises(Refused, match="certificates in PEM"):
        read_ca("--ca-file", said)


@pytest.mark.parametrize(
    ("url", "headers", "exceptions"),
    [
        ("http://a.example/other.xml?x=1", True, True),
        ("https://a.example/feed", True, True),  # the encrypted twin
        ("https://a.example:8443/feed", False, True),
        ("http://a.example:8080/feed", False, True),
        ("http://www.a.example/feed", False, False),
        ("https://b.example/feed", False, False),
    ],
)
def test_what_is_for_one_server_is_not_said_to_another(url: str, *, headers: bool, exceptions: bool) -> None:
    kept = scoped_to(FULL, url, was="http://a.example/feed")
    assert (kept.headers == FULL.headers, bool(kept.headers)) == (headers, headers)
    assert (kept.tls == FULL.tls, kept.ca == FULL.ca) == (exceptions, exceptions)
    assert (kept.user_agent, kept.proxy) == (FULL.user_agent, FULL.proxy)
    assert not scoped_to(FULL, "http://a.example/", was="https://a.example/").headers
