"""What is let through, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.errors import UsageError
from codeact.sandbox.network import Allow, network_policy
from codeact.sandbox.network.rules import (
    Rule,
    may_lead_to,
    normal_host,
    parse_rule,
    reach,
    rule_for,
    split_authority,
)


@pytest.mark.parametrize("text", ["none", "packages", "open"])
def test_words_are_policies(text: str) -> None:
    assert network_policy(text) == text


def test_a_list_of_hosts_has_a_text_that_reads_back() -> None:
    policy = network_policy("allow:api.example.com, *.example.org:8443")
    assert policy == Allow(("api.example.com", "*.example.org:8443"))
    assert network_policy(str(policy)) == policy


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("closed", "there are none, packages, open and allow:HOST"),
        ("allow:", "not a host"),
        ("allow:http://example.com", "not a host"),
        ("allow:example.com:99999", "no port 99999"),
        ("allow:*", "not a host"),
        ("allow:*.com", "at least two parts"),
        ("allow:*.10.0.0.1", "at least two parts"),
        ("allow:a b", "not a host"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_remedy(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=part.replace("*", r"\*")):
        network_policy(text)


def test_hosts_must_be_a_list() -> None:
    for hosts in ("example.com", ()):
        with pytest.raises(UsageError, match="takes host names"):
            Allow(hosts=hosts)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("rule", "host", "port", "covered"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "EXAMPLE.com.", 80, True),
        ("example.com", "example.com", 8080, False),
        ("example.com", "www.example.com", 443, False),
        ("example.com", "example.com.evil.net", 443, False),
        ("example.com:8080", "example.com", 8080, True),
        ("example.com:8080", "example.com", 443, False),
        ("*.example.com", "a.b.example.com", 443, True),
        ("*.example.com", "example.com", 443, False),
        ("*.example.com", "evilexample.com", 443, False),
        ("bücher.example", "xn--bcher-kva.example", 443, True),
        ("[::1]:80", "0:0::1", 80, True),
    ],
)
def test_hosts_are_compared_by_name(rule: str, host: str, port: int, covered: bool) -> None:
    assert (rule_for([parse_rule(rule)], normal_host(host), port) is not None) is covered


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", "public"),
        ("2606:4700::1111", "public"),
        ("10.0.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("0.0.0.0", "link-local or metadata"),
        ("169.254.169.254", "link-local or metadata"),
        ("::ffff:169.254.169.254", "link-local or metadata"),
        ("fe80::1", "link-local or metadata"),
        ("fd00:ec2::254", "link-local or metadata"),
        ("168.63.129.16", "link-local or metadata"),
        ("224.0.0.1", "link-local or metadata"),
    ],
)
def test_how_far_an_address_is(address: str, expected: str) -> None:
    assert reach(address) == expected


@pytest.mark.parametrize(
    ("hosts", "address", "led"),
    [
        (["api.example.com"], "93.184.216.34", True),
        (["api.example.com"], "10.0.0.1", True),
        (["*.example.com"], "10.0.0.1", False),
        (["*.example.com"], "93.184.216.34", True),
        (["api.example.com"], "127.0.0.1", False),
        (["api.example.com", "127.0.0.1"], "127.0.0.1", True),
        (["api.example.com"], "169.254.169.254", False),
        (["api.example.com", "169.254.169.254"], "169.254.169.254", True),
    ],
)
def test_a_name_that_leads_somewhere_else_is_refused(hosts: list[str], address: str, led: bool) -> None:
    rules = [parse_rule(host) for host in hosts]
    rule = rule_for(rules, "api.example.com", 443)
    assert rule is not None
    assert may_lead_to(rules, rule, address, 443) is led


def test_a_configured_index_may_be_on_this_machine_but_not_a_metadata_service() -> None:
    rule = Rule("index.internal", (80,), configured=True)
    assert may_lead_to([rule], rule, "127.0.0.1", 80)
    assert may_lead_to([rule], rule, "10.0.0.1", 80)
    assert not may_lead_to([rule], rule, "169.254.169.254", 80)


@given(st.text(max_size=40))
def test_any_text_is_an_authority_or_a_value_error(text: str) -> None:
    try:
        host, port = split_authority(text, 80)
    except ValueError:
        return
    assert 0 < port < 1 << 16
    assert host == normal_host(host)
    assert host.isascii()
    assert not set(host) & set(" /@?#%\\")
