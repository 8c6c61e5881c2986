"""From where a browser asks: each way in that a page of another origin has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.server.http.origin import host_allowed, host_name, refusal, same_origin

HOST = "127.0.0.1:8000"
OURS = "http://127.0.0.1:8000"


def asked(method: str = "POST", *, upgrade: bool = False, **headers: str) -> str | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(method, {"host": HOST, **named}, tls=False, upgrade=upgrade)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7", "Chat.Example"]
)
def test_our_names_are_allowed(host: str) -> None:
    assert host_allowed(host, {"chat.example"})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "a@localhost",
        "localhost/x",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_not(host: str) -> None:
    assert not host_allowed(host, {"chat.example"})


@given(st.text(max_size=40))
def test_any_host_header_is_read_or_refused(host: str) -> None:
    assert host_name(host) is None or host_allowed(host, {host_name(host) or ""})


def test_our_own_page_may_ask() -> None:
    assert asked(origin=OURS, sec_fetch_site="same-origin") is None
    assert asked("GET", sec_fetch_site="same-origin") is None
    assert asked("GET", upgrade=True, origin=OURS, sec_fetch_site="same-origin") is None
    assert asked(origin=OURS) is None  # a browser without Sec-Fetch-Site


def test_another_server_on_this_machine_may_not() -> None:
    """It is the same *site*, so a strict cookie is sent: only the origin tells."""
    assert asked(origin="http://127.0.0.1:9999", sec_fetch_site="same-site")
    assert asked("GET", sec_fetch_site="same-site", sec_fetch_mode="no-cors", sec_fetch_dest="image")
    assert asked("GET", upgrade=True, origin="http://127.0.0.1:9999")


@pytest.mark.parametrize(
    "origin", ["null", "https://evil.example", "http://127.0.0.1:8000.evil.example", "http://[", ""]
)
def test_a_foreign_origin_may_not(origin: str) -> None:
    assert asked(origin=origin)
    assert asked("GET", origin=origin)


def test_silence_about_the_origin_is_refused_where_something_would_be_done() -> None:
    assert asked()
    assert asked("GET", upgrade=True)
    assert asked("GET") is None


def test_a_link_may_lead_here_and_nothing_else_may() -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert asked("GET", **link, sec_fetch_dest="document") is None
    assert asked("GET", **link, sec_fetch_dest="iframe")
    assert asked("POST", **link, sec_fetch_dest="document", origin="https://evil.example")
    assert asked("POST", **link, sec_fetch_dest="document")
    assert asked("POST", sec_fetch_site="none")


def test_behind_a_proxy_that_ends_tls() -> None:
    assert same_origin("https://chat.example", "chat.example", tls=False)
    assert same_origin("https://chat.example", "chat.example:443", tls=True)
    assert not same_origin("http://chat.example", "chat.example", tls=True)
