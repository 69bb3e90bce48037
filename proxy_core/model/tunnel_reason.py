"""Why a tunnel is relayed unread: every dark connection says so, in its row and in the inspector.

One more reason is one more line here, and the place that finds it. What is recorded is the sentence (among the notes of
the exchange), so a capture explains itself to whatever reads it.
"""

from enum import StrEnum

_MARK = "Not decrypted: "


class TunnelReason(StrEnum):
    """Sentences for a person; some leave room for a detail."""

    SWITCHED_OFF = "decrypting is switched off in the settings."
    LEFT_ALONE = "the settings leave this host undecrypted."
    REFUSED = (
        "the client has refused Harrier's certificate for this host again and again, and the settings let it pass."
    )
    OTHER_PROTOCOL = "the client offers no HTTP/1.1 (only {})."
    NOT_WEB = "what the client sends is neither TLS nor HTTP."
    SERVER_FIRST = "the server spoke first; in TLS and HTTP the client does."
    SILENCE = "the client has sent nothing."
    INNER_PROXY = "asked of the proxy {}, inside a tunnel to it."

    def told(self, detail: str = "") -> str:
        """The remark that is recorded."""
        return _MARK + self.value.format(detail)


def reason_in(notes: str) -> str:
    """The remark among an exchange's notes that says why it is dark; "" where there is none."""
    return next((line for line in notes.split("\n") if line.startswith(_MARK)), "")
