"""Why an exchange failed: data shown to a person, never an exception.

The kinds that a response of ours can carry are RFC 9209 §2.3 error types (their status is fixed there); the others name
what a client did. `FAILURES` is the whole truth about each: the status of our own response, and the short word that the
list shows.
"""

from enum import StrEnum
from typing import NamedTuple


class FailureKind(StrEnum):
    """Values are stored in captures: never rename one. The first block is RFC 9209 §2.3, letter for letter."""

    DNS_TIMEOUT = "dns_timeout"
    DNS_ERROR = "dns_error"
    DESTINATION_IP_UNROUTABLE = "destination_ip_unroutable"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TERMINATED = "connection_terminated"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_READ_TIMEOUT = "connection_read_timeout"
    CONNECTION_WRITE_TIMEOUT = "connection_write_timeout"
    TLS_PROTOCOL_ERROR = "tls_protocol_error"
    TLS_CERTIFICATE_ERROR = "tls_certificate_error"
    TLS_ALERT_RECEIVED = "tls_alert_received"
    HTTP_REQUEST_ERROR = "http_request_error"
    HTTP_REQUEST_DENIED = "http_request_denied"
    HTTP_RESPONSE_INCOMPLETE = "http_response_incomplete"
    HTTP_RESPONSE_HEADER_SECTION_SIZE = "http_response_header_section_size"
    HTTP_RESPONSE_TRANSFER_CODING = "http_response_transfer_coding"
    HTTP_RESPONSE_TIMEOUT = "http_response_timeout"
    HTTP_PROTOCOL_ERROR = "http_protocol_error"
    HTTP_UPGRADE_FAILED = "http_upgrade_failed"
    PROXY_INTERNAL_ERROR = "proxy_internal_error"
    PROXY_LOOP_DETECTED = "proxy_loop_detected"

    # Ours: nothing of the kind can be said to the client any more.
    CLIENT_CLOSED = "client_closed"
    CLIENT_TIMEOUT = "client_timeout"
    ABORTED = "aborted"  # a rule or a person wanted it so
    CLIENT_REFUSED_CERTIFICATE = "client_refused_certificate"
    CLIENT_TLS_ERROR = "client_tls_error"
    OWN_FAULT = "own_fault"  # Harrier's, caught at a border: the text names the log's entry
    WORKER_DIED = "worker_died"
    ENGINE_DIED = "engine_died"
    CAPTURE_DAMAGED = "capture_damaged"
    IMPORTED = "imported"  # a .har said «failed»; its own words are the failure text


class FailureFacts(NamedTuple):
    """What is fixed for a kind."""

    status: int  # of our own response; 0 where we can't or needn't answer
    label: str  # the word beside the cross in the list


FAILURES: dict[FailureKind, FailureFacts] = {
    FailureKind.DNS_TIMEOUT: FailureFacts(504, "DNS"),
    FailureKind.DNS_ERROR: FailureFacts(502, "DNS"),
    FailureKind.DESTINATION_IP_UNROUTABLE: FailureFacts(502, "No route"),
    FailureKind.CONNECTION_REFUSED: FailureFacts(502, "Refused"),
    FailureKind.CONNECTION_TERMINATED: FailureFacts(502, "Reset"),
    FailureKind.CONNECTION_TIMEOUT: FailureFacts(504, "Timeout"),
    FailureKind.CONNECTION_READ_TIMEOUT: FailureFacts(504, "Timeout"),
    FailureKind.CONNECTION_WRITE_TIMEOUT: FailureFacts(504, "Timeout"),
    FailureKind.TLS_PROTOCOL_ERROR: FailureFacts(502, "TLS"),
    FailureKind.TLS_CERTIFICATE_ERROR: FailureFacts(502, "TLS"),
    FailureKind.TLS_ALERT_RECEIVED: FailureFacts(502, "TLS"),
    FailureKind.HTTP_REQUEST_ERROR: FailureFacts(400, "Malformed"),
    FailureKind.HTTP_REQUEST_DENIED: FailureFacts(403, "Denied"),
    FailureKind.HTTP_RESPONSE_INCOMPLETE: FailureFacts(502, "Cut short"),
    FailureKind.HTTP_RESPONSE_HEADER_SECTION_SIZE: FailureFacts(502, "Too large"),
    FailureKind.HTTP_RESPONSE_TRANSFER_CODING: FailureFacts(502, "Bad chunk"),
    FailureKind.HTTP_RESPONSE_TIMEOUT: FailureFacts(504, "Timeout"),
    FailureKind.HTTP_PROTOCOL_ERROR: FailureFacts(502, "Not HTTP"),
    FailureKind.HTTP_UPGRADE_FAILED: FailureFacts(502, "Upgrade"),
    FailureKind.PROXY_INTERNAL_ERROR: FailureFacts(500, "Internal"),
    FailureKind.PROXY_LOOP_DETECTED: FailureFacts(502, "Loop"),
    FailureKind.CLIENT_CLOSED: FailureFacts(
        400, "Client left"
    ),  # for one that may still read: within a head it stopped
    FailureKind.CLIENT_TIMEOUT: FailureFacts(408, "Client slow"),
    FailureKind.ABORTED: FailureFacts(0, "Aborted"),
    FailureKind.CLIENT_REFUSED_CERTIFICATE: FailureFacts(0, "TLS"),
    FailureKind.CLIENT_TLS_ERROR: FailureFacts(0, "TLS"),
    FailureKind.OWN_FAULT: FailureFacts(500, "Own fault"),
    FailureKind.WORKER_DIED: FailureFacts(0, "Worker died"),
    FailureKind.ENGINE_DIED: FailureFacts(0, "Interrupted"),
    FailureKind.CAPTURE_DAMAGED: FailureFacts(0, "Damaged"),
    FailureKind.IMPORTED: FailureFacts(0, "Failed"),
}


class Failure(NamedTuple):
    """One failure as it happened."""

    kind: FailureKind
    text: str  # one sentence that names the cause and, where there is one, the way out
    status: int = 0  # of our own response, where it differs from the kind's (414, 431, 501 …); 0 = the kind's


def failure_label(kind: str) -> str:
    """The list's word for a stored failure value; a value of a later version is shown as it is."""
    try:
        return FAILURES[FailureKind(kind)].label
    except ValueError:
        return kind
