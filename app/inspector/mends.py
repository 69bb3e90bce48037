"""What helps when a connection stays dark or fails, in words: a name for the button, and what it means. No Qt.

Which mends a cause has stands in `dark_cause`; what they do in `shell.mending`.
"""

from typing import NamedTuple

from proxy_core.formats.snippets.curl import can_be_sent
from proxy_core.model.dark_cause import Mend, mends_of
from proxy_core.model.exchange import ExchangeDetail, ExchangeKind, ExchangeRow

_FIRST_ERROR = 400  # RFC 9110 §15.5


class MendText(NamedTuple):
    """One mend."""

    button: str  # "" where there is nothing to press
    sentence: str


MENDS: dict[Mend, MendText] = {
    Mend.TRUST_OUR_CA: MendText("Trust Harrier's CA…", "Shows the certificate, and how a client comes to trust it."),
    Mend.LEAVE_HOST: MendText(
        "Leave Undecrypted", "Relays this host unread from its next connection on, with the server's own certificate."
    ),
    Mend.PASS_REFUSED: MendText(
        "Pass On What Is Refused",
        "Whatever a client refuses again and again, at any host, is relayed unread from then on.",
    ),
    Mend.NAME_THE_HOST: MendText(
        "",
        "Have the client name the host: ask the proxy for the name instead of its address (curl: --socks5-hostname "
        "instead of --socks5), or send the name in TLS (SNI).",
    ),
    Mend.ADD_CLIENT_CERTIFICATE: MendText(
        "Add a Client Certificate…", "Harrier shows it to this host: PEM with its key, or PKCS#12."
    ),
    Mend.ACCEPT_CERTIFICATE: MendText(
        "Accept This Certificate", "Takes this very one, from this host alone, whatever is wrong with it."
    ),
    Mend.TRUST_ISSUER: MendText("Trust Another CA…", "Names the file of a CA that may vouch for servers."),
    Mend.ALLOW_OLD_TLS: MendText("Allow Older TLS…", "Lowers the oldest version spoken to servers: unsafe ones, too."),
    Mend.DECRYPT_HOST: MendText("Decrypt This Host", "Takes it off the list of hosts that are left undecrypted."),
    Mend.DECRYPT_REFUSED: MendText(
        "Decrypt All the Same",
        "What clients refuse is not passed on any more: they must trust Harrier's CA.",
    ),
    Mend.DECRYPT_ALL: MendText("Decrypt HTTPS", "Switches decrypting on again, from the next connections on."),
    Mend.OPEN_AGAIN: MendText("Open in a Browser", "Asks for it again, in a browser that trusts Harrier."),
    Mend.COPY_CURL: MendText("Copy as cURL", "A command for a terminal that sends it again through Harrier."),
}


def mends(row: ExchangeRow, detail: ExchangeDetail) -> list[Mend]:
    """What helps this exchange, the likeliest first; nothing where nothing is to be mended here."""
    if not is_dark(row):
        return []
    possible = {Mend.OPEN_AGAIN: _can_be_opened, Mend.COPY_CURL: _can_be_copied}
    found = mends_of(row.failure, detail.failure_text, detail.notes)
    return [mend for mend in found if mend not in possible or possible[mend](row)]


def is_dark(row: ExchangeRow) -> bool:
    """Whether there may be something to mend: it failed, was not read, or the origin was not content with it."""
    return row.failure != "" or _is_tunnel(row) or (row.status is not None and row.status >= _FIRST_ERROR)


def _can_be_opened(row: ExchangeRow) -> bool:
    return row.host != "" and (_is_tunnel(row) or (row.method == "GET" and row.scheme in ("http", "https")))


def _can_be_copied(row: ExchangeRow) -> bool:
    return (_is_tunnel(row) and row.host != "") or can_be_sent(row)


def _is_tunnel(row: ExchangeRow) -> bool:
    return row.kind == ExchangeKind.TUNNEL
