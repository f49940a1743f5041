"""Servers whose TLS is not what it should be: named, refused, and let pass for one feed that may."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from ingest.demo.feeds import WorldFeed
from ingest.demo.world import FeedWorld
from ingest.fetch.session_pool import TransportKey
from ingest.fetch.tls import tls_context
from ingest.types import Failed, FailureKind, Fetched, FetchResult, PostResponse, RequestOptions, TlsException
from tests.fetch.conftest import NOW, ask, fetch_all, lease
from tests.fetch.tls import RSS, TlsServer, pem, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def ask_with(url: str, **options: object) -> FetchResult:
    (result,) = fetch_all(lease(url, request_options=RequestOptions(**options)))  # type: ignore[arg-type]
    return result


def test_no_certificate_is_taken_that_nobody_trusted_signed(authority: trustme.CA) -> None:
    with TlsServer(serving(authority.issue_cert("localhost"))) as server:
        result = ask_with(server.url)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.TLS
    assert result.detail == (
        "no trusted authority signed the server's certificate, or the server omits an intermediate certificate "
        "(unable to get local issuer certificate); `ingest feeds set` with --ca-file and the missing "
        "certificate allows it for this feed"
    )
    assert server.heads == []


def test_an_authority_may_be_trusted_for_one_feed(authority: trustme.CA) -> None:
    with TlsServer(serving(authority.issue_cert("localhost"))) as server:
        result = ask_with(server.url, ca=pem(authority))
        other = ask_with(server.url)
    assert isinstance(result, Fetched)
    assert result.body == RSS
    assert isinstance(other, Failed)


def test_an_authority_of_ones_own_does_not_excuse_another_name_or_time(authority: trustme.CA) -> None:
    """Where ``unverified`` would."""
    past = datetime.now(UTC) - timedelta(days=1)
    wrong = {
        "the server's certificate is for another name (": authority.issue_cert("www.example.org"),
        "the server's certificate has expired (certificate has expired); `ingest feeds set` with --tls unverified ": (
            authority.issue_cert("localhost", not_after=past)
        ),
    }
    for said, certificate in wrong.items():
        with TlsServer(serving(certificate)) as server:
            result = ask_with(server.url, ca=pem(authority))
            assert isinstance(result, Failed)
            assert (result.kind, result.detail.startswith(said)) == (FailureKind.TLS, True), result.detail
            passed = ask_with(server.url, tls=frozenset({TlsException.UNVERIFIED}))
            assert isinstance(passed, Fetched)


def test_an_address_in_place_of_a_name_is_another_name(authority: trustme.CA) -> None:
    with TlsServer(serving(authority.issue_cert("localhost")), host="127.0.0.1") as server:
        result = ask_with(server.url, ca=pem(authority))
    assert isinstance(result, Failed)
    assert result.detail.startswith("the server's certificate is for another name (IP address mismatch")


def test_a_certificate_that_is_missing_between_may_be_given_by_hand(authority: trustme.CA) -> None:
    between = authority.create_child_ca()
    with TlsServer(serving(between.issue_cert("localhost"), chain=False)) as server:
        missing = ask_with(server.url, ca=pem(authority))
        given = ask_with(server.url, ca=pem(between))
    assert isinstance(missing, Failed)
    assert "the server omits an intermediate certificate" in missing.detail
    assert isinstance(given, Fetched)


@pytest.mark.filterwarnings("ignore:ssl.OP_NO")  # a server that shall be old
def test_old_versions_are_spoken_with_one_feed_alone(authority: trustme.CA) -> None:
    context = serving(authority.issue_cert("localhost"))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with TlsServer(context) as server:
        refused = ask_with(server.url, ca=pem(authority))
        passed = ask_with(server.url, ca=pem(authority), tls=frozenset({TlsException.OLD_VERSIONS}))
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.TLS
    assert refused.detail.startswith("the server supports nothing newer than TLS 1.1 (")
    assert "--tls tls1.0" in refused.detail
    assert isinstance(passed, Fetched)


def test_weak_keys_pass_for_one_feed_alone() -> None:
    authority = trustme.CA()
    context = serving(authority.issue_cert("localhost", key_type=trustme.KeyType.RSA))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")  # no forward secrecy: not among ours
    with TlsServer(context) as server:
        refused = ask_with(server.url, ca=pem(authority))
        passed = ask_with(server.url, ca=pem(authority), tls=frozenset({TlsException.WEAK}))
    assert isinstance(refused, Failed)
    assert refused.detail.startswith("the server accepts none of our ciphers (")
    assert isinstance(passed, Fetched)


def test_a_server_from_before_secure_renegotiation_is_named_and_passes_for_one_feed_alone() -> None:
    """It hangs up after its first message: with the exception we wait for its second, and without refuse its first."""
    with TlsServer(None) as server:
        refused = ask_with(server.url)
        further = ask_with(server.url, tls=frozenset({TlsException.RENEGOTIATION}))
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.TLS
    assert refused.detail == (
        "the server does not support secure renegotiation (RFC 5746) (UNSAFE_LEGACY_RENEGOTIATION_DISABLED); "
        "`ingest feeds set` with --tls legacy-renegotiation allows it for this feed"
    )
    assert isinstance(further, Failed)
    assert "renegotiation" not in further.detail.lower()


@pytest.mark.parametrize("exception", list(TlsException))
def test_an_exception_for_one_thing_is_none_for_another(
    authority: trustme.CA, exception: TlsException
) -> None:
    context = tls_context(exceptions=frozenset({exception}))
    unverified = exception is TlsException.UNVERIFIED
    assert context.check_hostname is not unverified
    assert context.verify_mode is (ssl.CERT_NONE if unverified else ssl.CERT_REQUIRED)
    plain = ssl.create_default_context()
    assert (context.minimum_version == plain.minimum_version) is (exception is not TlsException.OLD_VERSIONS)
    assert (context.options == plain.options) is (exception is not TlsException.RENEGOTIATION)


def test_a_feed_without_exceptions_never_meets_the_connection_of_one_that_has_them(
    authority: trustme.CA,
) -> None:
    with TlsServer(serving(authority.issue_cert("localhost"))) as server:
        with_it = lease(server.url, request_options=RequestOptions(tls=frozenset({TlsException.UNVERIFIED})))
        results = fetch_all(with_it, lease(server.url), with_it)
    assert [type(each) for each in results] == [Fetched, Failed, Fetched]


def test_exceptions_end_where_a_redirect_leads_to_another_host(
    authority: trustme.CA, world: FeedWorld
) -> None:
    del world
    everything = frozenset(TlsException)
    other = TlsServer(serving(authority.issue_cert("localhost")), host="127.0.0.1")
    with other, TlsServer(serving(authority.issue_cert("localhost")), location=other.url) as server:
        result = ask_with(server.url, tls=everything, ca=pem(authority))
        assert isinstance(result, Failed)
        assert result.kind is FailureKind.TLS
    assert (len(server.heads), len(other.heads)) == (1, 0)


def test_a_form_is_not_sent_on_from_https_to_http(authority: trustme.CA, feed: WorldFeed) -> None:
    with TlsServer(serving(authority.issue_cert("localhost")), location=feed.url) as server:
        options = RequestOptions(ca=pem(authority))
        result = ask(lambda each: each.post(server.url, form={"hub.secret": "s"}, now=NOW, options=options))
        page = ask(lambda each: each.get(server.url, accept="*/*", now=NOW, options=options))
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.REDIRECT
    assert feed.request_count == 1  # the page's
    assert not isinstance(page, Failed)
    assert not isinstance(result, PostResponse)


def test_combinations_of_one_meaning_share_their_connections() -> None:
    one = TransportKey(tls=frozenset({TlsException.WEAK, TlsException.UNVERIFIED}))
    assert one == TransportKey(tls=frozenset({TlsException.UNVERIFIED, TlsException.WEAK}))
