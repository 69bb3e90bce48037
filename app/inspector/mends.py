"""What helps when a connection stays dark or fails: by its cause, in plain words, with where to find it."""

from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.failure import FailureKind
from proxy_core.model.tunnel_reason import TunnelReason, reason_in

_LEAVE = "Leave the host undecrypted: «Leave This Host Undecrypted» in the row's menu."
_TRUST = "Have the client trust Harrier's CA: «Certificate…» in the main menu has it, and the steps."
_ACCEPT = "Accept this very certificate, for this host alone: «Accept This Certificate» in the row's menu."
_CLIENT_CERTIFICATE = "If it wants a client certificate, give Harrier one: --client-certificate HOSTS=FILE."
_DECRYPT = "Have it decrypted: «Leave undecrypted» in the settings lists the hosts that are passed on unread."

_BY_FAILURE = {
    FailureKind.CLIENT_REFUSED_CERTIFICATE.value: (_TRUST, _LEAVE),
    FailureKind.CLIENT_TLS_ERROR.value: (_LEAVE,),
    FailureKind.TLS_CERTIFICATE_ERROR.value: (_ACCEPT, _LEAVE),
    FailureKind.TLS_ALERT_RECEIVED.value: (_CLIENT_CERTIFICATE, _LEAVE),
    FailureKind.TLS_PROTOCOL_ERROR.value: (_CLIENT_CERTIFICATE, _LEAVE),
}
_BY_REASON = {
    TunnelReason.LEFT_ALONE.told(): (_DECRYPT,),
    TunnelReason.SWITCHED_OFF.told(): ("Have HTTPS decrypted: «Decrypt HTTPS» in the settings.",),
    TunnelReason.REFUSED.told(): (_TRUST, "Then have it decrypted again: switch «Refusals» off in the settings."),
}


def mends(row: ExchangeRow, notes: str) -> tuple[str, ...]:
    """Sentences, the likeliest help first; none where nothing is to be mended here."""
    return _BY_FAILURE.get(row.failure) or _BY_REASON.get(reason_in(notes), ())
