"""The options of the command line that say how upstreams are reached, and the `WaysOut` that they mean."""

import argparse
import os

import msgspec

from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import WayError, WaysOut, check_ways_out
from proxy_core.model.ways_out_text import (
    read_accepted_certificate,
    read_host_override,
    read_proxy_for_hosts,
    read_shown_certificate,
)

_PASSWORD_LIMIT = 4096  # bytes of a file that holds a password


def add_ways_out(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser. None of them given leaves everything as it was set before."""
    group = parser.add_argument_group("the ways out")
    group.add_argument(
        "--upstream-proxy",
        action="append",
        metavar="[HOSTS=]PROXY",
        help="none, system, http://, https://, socks4a://, socks5:// or socks5h://[USER:PASSWORD@]HOST:PORT, or pac+ "
        "and the URL of a PAC file; with HOSTS= (*.corp.test=…) for these hosts only. May come several times",
    )
    group.add_argument(
        "--no-proxy",
        metavar="HOSTS",
        help="hosts that are reached directly, with commas between: names, .suffixes, networks (10.0.0.0/8); "
        "default: this computer itself",
    )
    group.add_argument("--pac-failure", choices=("direct", "fail"), help="where a PAC file gives no answer")
    group.add_argument(
        "--host",
        action="append",
        metavar="NAME=ADDRESS",
        help="have a name (or *.NAME) lead there, for Harrier alone. May come several times",
    )
    group.add_argument("--resolver", metavar="ADDRESS", help="look names up with this DNS server; default: system")
    group.add_argument(
        "--client-certificate",
        action="append",
        metavar="HOSTS=FILE",
        help="show this certificate (PEM with its key, or PKCS#12) to these hosts. May come several times",
    )
    group.add_argument(
        "--client-certificate-password", metavar="FILE", help="the password of those certificates is in this file"
    )
    group.add_argument("--upstream-tls", choices=("1.0", "1.1", "1.2", "1.3"), help="the oldest TLS; default: 1.2")
    group.add_argument(
        "--upstream-roots", choices=("both", "system", "certifi"), help="whose CAs are trusted; default: both"
    )
    group.add_argument(
        "--accept-certificate",
        action="append",
        metavar="HOST=SHA256",
        help="take the certificate of this fingerprint from this host, whatever is wrong with it",
    )
    group.add_argument("--keylog", metavar="FILE", help="write TLS secrets there (SSLKEYLOGFILE), for Wireshark")


def apply_ways_out(settings: Settings, options: argparse.Namespace) -> Settings:
    """The settings, overruled by what the options say. Raises WayError."""
    ways = settings.ways_out
    changes: dict[str, object] = {}
    if options.upstream_proxy is not None:
        by_host = []
        for text in options.upstream_proxy:
            for_hosts = read_proxy_for_hosts(text)
            if for_hosts is not None:
                by_host.append(for_hosts)
            else:
                changes["upstream_proxy"] = text
        if by_host:
            changes["proxies_by_host"] = tuple(by_host)
    if options.no_proxy is not None:
        changes["no_proxy"] = tuple(filter(None, (each.strip() for each in options.no_proxy.split(","))))
    if options.host is not None:
        changes["host_overrides"] = tuple(map(read_host_override, options.host))
    if options.client_certificate is not None:
        password = _password(options.client_certificate_password)
        shown = (read_shown_certificate(text, password) for text in options.client_certificate)
        changes["client_certificates"] = tuple(
            msgspec.structs.replace(each, path=os.path.abspath(each.path)) for each in shown
        )
    elif options.client_certificate_password is not None:
        raise WayError("--client-certificate-password needs --client-certificate.")
    if options.accept_certificate is not None:
        changes["accepted_certificates"] = tuple(map(read_accepted_certificate, options.accept_certificate))
    plain = {
        "pac_failure": options.pac_failure,
        "resolver": options.resolver,
        "tls_minimum": options.upstream_tls,
        "roots": options.upstream_roots,
        "keylog": options.keylog and os.path.abspath(options.keylog),
    }
    changes |= {name: value for name, value in plain.items() if value is not None}
    if not changes:
        return settings
    ways = msgspec.convert({**msgspec.structs.asdict(ways), **changes}, WaysOut)
    check_ways_out(ways)
    return msgspec.structs.replace(settings, ways_out=ways)


def _password(path: str | None) -> str:
    if path is None:
        return ""
    try:
        if not os.path.isfile(path):
            raise WayError(f"There is no file {path} with a password.")
        with open(path, "rb") as file:
            text = file.read(_PASSWORD_LIMIT + 1)
        if len(text) > _PASSWORD_LIMIT:
            raise WayError(f"{path} holds no password: it is longer than {_PASSWORD_LIMIT} bytes.")
        return text.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise WayError(f"The password in {path} can't be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise WayError(f"The password in {path} is no text in UTF-8.") from None
