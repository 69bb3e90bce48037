"""The certificate for which an origin was refused, if that is what an exchange failed of."""

from hashlib import sha256
from typing import NamedTuple

from proxy_core.capture.reader import CaptureError, CaptureReader
from proxy_core.model.exchange import ExchangeRow
from proxy_core.model.failure import FailureKind
from proxy_core.model.tls_facts import decode_tls_facts


class RefusedCertificate(NamedTuple):
    """As the settings accept one."""

    host: str  # that it was to vouch for
    fingerprint: str  # SHA-256, lower-case hex


def refused_certificate(reader: CaptureReader, row: ExchangeRow) -> RefusedCertificate | None:
    """Look it up; None where the exchange failed of something else, or nothing more is known."""
    if row.failure != FailureKind.TLS_CERTIFICATE_ERROR:
        return None
    try:
        detail = reader.detail(row.id)
        upstream = None if detail is None else reader.connection(detail.upstream_connection)
    except CaptureError:
        return None
    facts = None if upstream is None else decode_tls_facts(upstream.tls)
    if facts is None or not facts.chain or facts.verified:
        return None
    return RefusedCertificate(facts.sni or row.host, sha256(facts.chain[0]).hexdigest())
