"""The transport: bounded whatever the other side does, and honest about what was sent."""

from __future__ import annotations

import gzip
import logging.config
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.clients import http
from service.clients.http import Transport
from service.clients.peer import MEBIBYTE, Peer, Request
from service.errors import OutcomeUnknown, OutsideError, Unavailable
from tests.clients import faulty_server as faulty
from tests.clients.conftest import CANARY, DEADLINES, Serve, failure_of
from tests.clients.faulty_server import Action, answer, dripping, raw

HEAD = b"HTTP/1.1 200 OK\r\n"
# A thread may be scheduled late; a deadline that does not hold misses by far more.
SLACK_SECONDS = 0.4


@pytest.fixture
def transport() -> Iterator[Transport]:
    with closing(Transport(Peer("The peer"), DEADLINES)) as made:
        yield made


def request(url: str, *, repeatable: bool, path: str = "/") -> Request:
    method = "GET" if repeatable else "PATCH"
    body = b"" if repeatable else CANARY.encode()
    return Request("trying it", method, url + path + CANARY, {"Authorization": CANARY}, body, repeatable)


SENT_WITHOUT_ANSWER: list[tuple[str, Action]] = [
    ("reset before reading", faulty.reset_unread),
    ("reset after reading", faulty.reset_read),
    ("closed without a word", faulty.hang_up),
    ("no answer", faulty.silent),
    ("never read", faulty.deaf),
    ("body cut short", raw(HEAD + b"Content-Length: 10\r\n\r\nhalf")),
    ("chunk cut short", raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\nhalf")),
    ("not HTTP", raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")),
    ("headers byte by byte", dripping(HEAD + b"X: " + b"y" * 1000)),
    ("interim answers for ever", dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    ("body byte by byte", dripping(b"z" * 1000, at_once=HEAD + b"Content-Length: 1000\r\n\r\n")),
    ("endless headers", raw(HEAD + b"X: " + b"y" * 200_000)),
    ("endless body", faulty.endless),
    ("a body that is declared too long", raw(HEAD + b"Content-Length: 9999999\r\n\r\n" + b"x" * (MEBIBYTE + 9))),
]


@pytest.mark.parametrize(
    ("act", "repeatable"),
    [
        pytest.param(act, repeatable, id=f"{name}, {'read' if repeatable else 'write'}")
        for name, act in SENT_WITHOUT_ANSWER
        for repeatable in (True, False)
    ],
)
def test_a_sent_request_without_a_whole_answer_is_unknown_for_a_write_and_in_time(
    serve: Serve, transport: Transport, act: Action, repeatable: bool
) -> None:
    server = serve(act)
    began = time.monotonic()
    error = failure_of(lambda: transport.send(request(server.url, repeatable=repeatable)))
    assert type(error) is (Unavailable if repeatable else OutcomeUnknown)
    assert time.monotonic() - began < DEADLINES.total + SLACK_SECONDS
    assert ("it may have been done" in str(error)) is not repeatable


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def unresolvable(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, f"no such name {CANARY}")


def hanging(*_: object, **__: object) -> None:
    time.sleep(1)


@pytest.mark.parametrize(
    ("resolver", "words"), [(unresolvable, "its name has no address"), (hanging, "it took too long")]
)
def test_a_name_that_does_not_resolve_means_that_nothing_was_sent(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, resolver: object, words: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    began = time.monotonic()
    error = failure_of(lambda: transport.send(request("http://peer.example", repeatable=False)))
    assert type(error) is Unavailable
    assert f"{words}; nothing was sent" in str(error)
    assert time.monotonic() - began < DEADLINES.connect + SLACK_SECONDS


def test_a_refused_connection_means_that_nothing_was_sent(transport: Transport) -> None:
    error = failure_of(lambda: transport.send(request(f"http://127.0.0.1:{free_port()}", repeatable=False)))
    assert type(error) is Unavailable
    assert "connection refused; nothing was sent" in str(error)


def test_an_address_that_does_not_answer_leaves_time_for_the_next_one(
    serve: Serve, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answer(200, b"here"))
    real = socket.getaddrinfo

    def two_addresses(host: str, port: int, *rest: int, **options: int) -> list[object]:
        hosts = ("127.0.0.2", "127.0.0.1") if host == "peer.example" else (host,)
        return [found for address in hosts for found in real(address, port, *rest, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    asked = request(f"http://peer.example:{server.port}", repeatable=True)
    assert transport.send(asked).body == b"here"


@pytest.mark.parametrize("act", [faulty.deaf, faulty.dripping_tls, faulty.reset_read, raw(b"HTTP/1.1 200 OK\r\n\r\n")])
def test_a_tls_handshake_that_fails_or_drags_on_means_that_nothing_was_sent(
    serve: Serve, transport: Transport, act: Action
) -> None:
    url = serve(act).url.replace("http:", "https:")
    began = time.monotonic()
    error = failure_of(lambda: transport.send(request(url, repeatable=False)))
    assert type(error) is Unavailable
    assert "nothing was sent" in str(error)
    assert time.monotonic() - began < DEADLINES.total + SLACK_SECONDS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, with its key, that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    pem = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        pem.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def over_tls(certificate: Path, act: Action) -> Action:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def shake_hands_first(visit: faulty.Visit) -> bool:
        with context.wrap_socket(visit.sock, server_side=True) as secured:
            return act(replace(visit, sock=secured)) and False

    return shake_hands_first


@pytest.mark.parametrize(("host", "trusted"), [("127.0.0.1", False), ("localhost", True)])
def test_a_certificate_that_is_untrusted_or_for_another_name_is_refused_before_anything_is_sent(
    serve: Serve, certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, trusted: bool
) -> None:
    if trusted:
        monkeypatch.setattr(http, "tls_context", lambda: ssl.create_default_context(cafile=str(certificate)))
    server = serve(over_tls(certificate, answer(200, b"ok")))
    with closing(Transport(Peer("The peer"), DEADLINES)) as transport:
        asked = request(f"https://{host}:{server.port}", repeatable=False)
        error = failure_of(lambda: transport.send(asked))
    assert type(error) is Unavailable
    assert "certificate is not trusted or is for another name; nothing was sent" in str(error)
    assert server.requests == []


def test_over_tls_an_answer_is_read_and_the_deadline_holds(
    serve: Serve, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "tls_context", lambda: ssl.create_default_context(cafile=str(certificate)))
    server = serve(over_tls(certificate, answer(200, b"ok")), over_tls(certificate, dripping(HEAD + b"X" * 999)))
    asked = request(server.url.replace("http:", "https:"), repeatable=False)
    with closing(Transport(Peer("The peer"), DEADLINES)) as transport:
        assert transport.send(asked).body == b"ok"
        time.sleep(0.05)  # the server closes the first connection, and the pool notices
        began = time.monotonic()
        error = failure_of(lambda: transport.send(asked))
    assert type(error) is OutcomeUnknown
    assert time.monotonic() - began < DEADLINES.total + SLACK_SECONDS


@pytest.mark.parametrize("closing_act", [faulty.hang_up, faulty.reset_read, faulty.reset_unread])
def test_a_read_is_repeated_once_when_a_kept_connection_turns_out_closed(
    serve: Serve, transport: Transport, closing_act: Action
) -> None:
    server = serve(answer(200, b"1"), closing_act, answer(200, b"2"))
    asked = request(server.url, repeatable=True)
    assert [transport.send(asked).body for _ in range(2)] == [b"1", b"2"]
    assert server.connections == 2


@pytest.mark.parametrize("closing_act", [faulty.hang_up, faulty.reset_read, faulty.reset_unread])
def test_a_write_is_never_repeated_and_is_unknown_when_a_kept_connection_turns_out_closed(
    serve: Serve, transport: Transport, closing_act: Action
) -> None:
    server = serve(answer(200, b"1"), closing_act, answer(200, b"2"))
    asked = request(server.url, repeatable=False)
    transport.send(asked)
    assert type(failure_of(lambda: transport.send(asked))) is OutcomeUnknown
    assert server.connections == 1


def test_a_read_that_timed_out_is_not_repeated(serve: Serve, transport: Transport) -> None:
    server = serve(answer(200, b"1"), faulty.silent, answer(200, b"2"))
    asked = request(server.url, repeatable=True)
    transport.send(asked)
    assert type(failure_of(lambda: transport.send(asked))) is Unavailable
    assert len(server.requests) == 2


def test_a_read_whose_answer_had_begun_is_not_repeated(serve: Serve, transport: Transport) -> None:
    server = serve(answer(200, b"1"), raw(HEAD + b"Content-Length: 9\r\n\r\n1"), answer(200, b"2"))
    asked = request(server.url, repeatable=True)
    transport.send(asked)
    assert type(failure_of(lambda: transport.send(asked))) is Unavailable
    assert len(server.requests) == 2


@pytest.mark.parametrize("scheme", ["http:", "https:"])
def test_the_total_deadline_cuts_longer_timeouts_short(serve: Serve, scheme: str) -> None:
    server = serve(faulty.deaf)
    asked = request(server.url.replace("http:", scheme), repeatable=False)
    began = time.monotonic()
    with closing(Transport(Peer("The peer"), http.Deadlines(connect=5, read=5, total=0.2))) as transport:
        failure_of(lambda: transport.send(asked))
    assert time.monotonic() - began < 0.2 + SLACK_SECONDS


def test_connections_are_kept_and_used_again(serve: Serve, transport: Transport) -> None:
    server = serve(answer(200, b"ok"))
    for _ in range(5):
        transport.send(request(server.url, repeatable=True))
    assert (server.connections, len(server.requests)) == (1, 5)


def test_a_request_with_no_time_left_is_not_sent(serve: Serve, transport: Transport) -> None:
    server = serve(answer(200, b"ok"))
    transport.send(request(server.url, repeatable=True))
    error = failure_of(lambda: transport.send(request(server.url, repeatable=False), until=time.monotonic() - 1))
    assert type(error) is Unavailable
    assert len(server.requests) == 1


def test_a_compressed_body_is_neither_asked_for_nor_inflated(serve: Serve, transport: Transport) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)
    assert len(bomb) < MEBIBYTE
    server = serve(answer(200, bomb, "Content-Encoding: gzip"))
    assert transport.send(request(server.url, repeatable=True)).body == bomb
    assert b"Accept-Encoding: identity" in server.requests[0]


def test_a_redirect_is_returned_and_not_followed(serve: Serve, transport: Transport) -> None:
    elsewhere = serve(answer(200, b"ok"))
    server = serve(answer(302, b"", f"Location: {elsewhere.url}"))
    assert transport.send(request(server.url, repeatable=True)).status == 302
    assert elsewhere.requests == []


@pytest.mark.parametrize("location", ["http://[", "https://a:b:c/", "http://\xff/", "//", "x" * 5000])
def test_a_redirect_to_an_unreadable_address_is_an_answer_too(
    serve: Serve, transport: Transport, location: str
) -> None:
    head = f"HTTP/1.1 307 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    assert transport.send(request(serve(raw(head)).url, repeatable=False)).status == 307


@pytest.mark.parametrize("url", ["ftp://peer.example", "http://peer.example:x", "//peer.example", "/"])
def test_an_address_that_is_none_means_that_nothing_was_sent(transport: Transport, url: str) -> None:
    error = failure_of(lambda: transport.send(request(url, repeatable=False)))
    assert type(error) is Unavailable
    assert "its address is not one of HTTP; nothing was sent" in str(error)


def test_only_headers_that_were_asked_for_are_sent(serve: Serve, transport: Transport) -> None:
    server = serve(answer(200, b""))
    transport.send(request(server.url, repeatable=False))
    names = {line.split(b":")[0].lower() for line in server.requests[0].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]}
    assert names == {b"host", b"accept-encoding", b"user-agent", b"authorization", b"content-length"}


def test_addresses_stay_out_of_the_log_even_when_logging_is_configured_later(
    serve: Serve, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    config = {"version": 1, "disable_existing_loggers": False, "loggers": {"httpx": {"level": "INFO"}}}
    logging.config.dictConfig(config)
    server = serve(answer(200, b"ok"))
    assert transport.send(request(server.url, repeatable=True)).body == b"ok"
    assert server.url not in caplog.text
    assert not [record for record in caplog.records if record.name == "httpx"]


def test_cookies_are_not_kept(serve: Serve, transport: Transport) -> None:
    server = serve(answer(200, b"", "Set-Cookie: a=b"))
    for _ in range(2):
        transport.send(request(server.url, repeatable=True))
    assert b"cookie" not in server.requests[1].lower()


def test_proxies_of_the_environment_are_ignored(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, server = serve(answer(200, b"proxy")), serve(answer(200, b"server"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    with closing(Transport(Peer("The peer"), DEADLINES)) as transport:
        assert transport.send(request(server.url, repeatable=True)).body == b"server"


def test_threads_share_the_transport_without_sharing_deadlines(serve: Serve, transport: Transport) -> None:
    slow, quick = serve(faulty.silent), serve(answer(200, b"ok", delay=0.01))
    failures: list[OutsideError] = []
    waiting = [
        threading.Thread(
            target=lambda: failures.append(failure_of(lambda: transport.send(request(slow.url, repeatable=False))))
        )
        for _ in range(8)
    ]
    for thread in waiting:
        thread.start()
    assert all(transport.send(request(quick.url, repeatable=True)).status == 200 for _ in range(10))
    for thread in waiting:
        thread.join()
    assert [type(f) for f in failures] == [OutcomeUnknown] * 8


def test_a_full_pool_does_not_hold_a_request_past_its_deadline(serve: Serve, transport: Transport) -> None:
    server = serve(faulty.silent)
    began = time.monotonic()
    failures: list[OutsideError] = []
    threads = [
        threading.Thread(
            target=lambda: failures.append(failure_of(lambda: transport.send(request(server.url, repeatable=False))))
        )
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 50
    assert time.monotonic() - began < DEADLINES.total + 2 * SLACK_SECONDS
