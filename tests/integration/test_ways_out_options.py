"""The ways out on the command line: what the options mean, and the sentences for those that mean nothing."""

import argparse

import pytest

from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import (
    AcceptedCertificate,
    ClientCertificate,
    HostOverride,
    ProxyForHosts,
    WayError,
    WaysOut,
)
from proxy_core.ways_out_options import add_ways_out, apply_ways_out
from tests.support.program import Program


def read(*arguments: str, settings: Settings | None = None) -> WaysOut:
    parser = argparse.ArgumentParser()
    add_ways_out(parser)
    return apply_ways_out(settings or Settings(), parser.parse_args(arguments)).ways_out


def test_none_leaves_all_as_it_was_set():
    settings = Settings(ways_out=WaysOut(upstream_proxy="system", keylog="/x"))
    assert read(settings=settings) == settings.ways_out
    assert read("--resolver", "9.9.9.9", settings=settings).upstream_proxy == "system"


def test_proxies():
    ways = read(
        "--upstream-proxy",
        "*.corp.test=socks5h://a:1",
        "--upstream-proxy",
        "http://u:p=x@b:2",
        "--no-proxy",
        "a, .b,,10.0.0.0/8",
    )
    assert ways.upstream_proxy == "http://u:p=x@b:2"
    assert ways.proxies_by_host == (ProxyForHosts("*.corp.test", "socks5h://a:1"),)
    assert ways.no_proxy == ("a", ".b", "10.0.0.0/8")
    assert read("--no-proxy", "").no_proxy == ()
    assert read("--upstream-proxy", "pac+http://a/p.pac?x=y").upstream_proxy == "pac+http://a/p.pac?x=y"


def test_names_and_tls(tmp_path):
    (tmp_path / "password").write_text("päss\n", encoding="utf-8")
    ways = read(
        "--host=*.a.test=::1", "--host=b.test=10.0.0.1", "--resolver=[::1]:5353", "--upstream-tls=1.3",
        "--upstream-roots=system", f"--client-certificate=*.bank.test={tmp_path}/me.p12",
        f"--client-certificate-password={tmp_path}/password", f"--accept-certificate=Nas.test={'AB:' * 31}AB",
        f"--keylog={tmp_path}/keys", "--pac-failure=fail",
    )  # fmt: skip
    assert ways.host_overrides == (HostOverride("*.a.test", "::1"), HostOverride("b.test", "10.0.0.1"))
    assert ways.client_certificates == (ClientCertificate("*.bank.test", f"{tmp_path}/me.p12", "päss"),)
    assert ways.accepted_certificates == (AcceptedCertificate("nas.test", "ab" * 32),)
    assert (ways.resolver, ways.tls_minimum, ways.roots, ways.pac_failure) == ("[::1]:5353", "1.3", "system", "fail")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--upstream-proxy", "gopher://joe:geheim@a"], "not by «gopher»"),
        (["--upstream-proxy", "*.a=x://b"], "not by «x»"),
        (["--no-proxy", "a,10.0.0.0/99"], "«10.0.0.0/99» means no hosts"),
        (["--host", "a"], "«a» is no NAME=ADDRESS"),
        (["--host", "a=b c"], "is no name and address"),
        (["--resolver", "dns.test"], "no address of a DNS server"),
        (["--accept-certificate", "a=12"], "no SHA-256 fingerprint"),
        (["--client-certificate", "nofile"], "is no HOSTS=FILE"),
        (["--client-certificate-password", "x"], "needs --client-certificate"),
        (["--client-certificate", "a=b", "--client-certificate-password", "/nowhere"], "There is no file /nowhere"),
    ],
)
def test_mistakes(arguments, text):
    with pytest.raises(WayError, match=text) as caught:
        read(*arguments)
    assert "geheim" not in str(caught.value)


def test_the_program_says_so_in_one_line(tmp_path):
    with Program(["record", "--home", str(tmp_path), "--upstream-proxy", "gopher://a"]) as program:
        assert program.wait() == 2
        assert program.errors.startswith("harrier: A proxy is spoken to by ")
        assert program.errors.count("\n") == 1
