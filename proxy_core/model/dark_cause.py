"""Why a connection can't be read, in plain words, and what helps: the one table of both.

One more cause is one more line here, and the place that finds it. What is recorded is the sentence, in the failure's
text or among the notes of the exchange, so a capture explains itself to whatever reads it; `causes_in` finds the causes
again by it. What stands between a sentence's gaps is therefore never changed lightly.
"""

from enum import Enum, StrEnum
from typing import NamedTuple

from proxy_core.model.failure import FailureKind

_MARK = "Not decrypted: "
_LOOKED_AT = 8192  # characters of a text: more than Harrier writes, less than a file may hold


class Mend(StrEnum):
    """What a person can do. What it is called, and what it does, is the window's."""

    TRUST_OUR_CA = "trust_our_ca"  # have the client trust Harrier's
    LEAVE_HOST = "leave_host"  # undecrypted
    PASS_REFUSED = "pass_refused"  # from now on, whatever a client keeps refusing
    NAME_THE_HOST = "name_the_host"  # the client must: nothing can be pressed
    ADD_CLIENT_CERTIFICATE = "add_client_certificate"
    ACCEPT_CERTIFICATE = "accept_certificate"  # this one, of this host
    TRUST_ISSUER = "trust_issuer"  # the origin's CA
    ALLOW_OLD_TLS = "allow_old_tls"
    DECRYPT_HOST = "decrypt_host"  # again
    DECRYPT_REFUSED = "decrypt_refused"  # again, whatever a client has refused
    DECRYPT_ALL = "decrypt_all"  # interception is switched off
    OPEN_AGAIN = "open_again"  # in a browser of Harrier's
    COPY_CURL = "copy_curl"  # a command that sends it again through Harrier


_AGAIN = (Mend.OPEN_AGAIN, Mend.COPY_CURL)
_BAD_CERTIFICATE = (Mend.ACCEPT_CERTIFICATE, Mend.LEAVE_HOST, *_AGAIN)
_UNKNOWN_ISSUER = (Mend.TRUST_ISSUER, *_BAD_CERTIFICATE)
_REFUSED = (Mend.TRUST_OUR_CA, Mend.LEAVE_HOST, *_AGAIN)
_WANTS_CERTIFICATE = (Mend.ADD_CLIENT_CERTIFICATE, Mend.LEAVE_HOST, *_AGAIN)


class _Cause(NamedTuple):
    sentence: str  # `{}` leaves room for a detail
    mends: tuple[Mend, ...] = ()  # the likeliest help first


class DarkCause(Enum):
    """The gravest first: where a text tells of several, the mends of the first come first."""

    # What a tunnel that is relayed unread says.
    SWITCHED_OFF = _Cause(_MARK + "decrypting is switched off in the settings.", (Mend.DECRYPT_ALL,))
    LEFT_ALONE = _Cause(_MARK + "the settings leave this host undecrypted.", (Mend.DECRYPT_HOST,))
    REFUSED = _Cause(
        _MARK
        + "the client has refused Harrier's certificate for this host again and again, and the settings let it pass.",
        (Mend.TRUST_OUR_CA, Mend.DECRYPT_REFUSED),
    )
    OTHER_PROTOCOL = _Cause(_MARK + "the client offers neither HTTP/1.1 nor HTTP/2 (only {}).")
    NOT_WEB = _Cause(_MARK + "what the client sends is neither TLS nor HTTP.")
    SERVER_FIRST = _Cause(_MARK + "the server spoke first; in TLS and HTTP the client does.")
    SILENCE = _Cause(_MARK + "the client has sent nothing.")
    INNER_PROXY = _Cause(_MARK + "asked of the proxy {}, inside a tunnel to it.")

    # The client and our certificate.
    PINNED = _Cause(
        "It has refused Harrier's certificate for {} {} times in a row: it probably accepts only the server's own "
        "certificate (pinning).",
        (Mend.LEAVE_HOST, Mend.PASS_REFUSED, Mend.TRUST_OUR_CA),
    )
    NO_NAME = _Cause(
        "No name is known: the client came to the bare address {} and named no host (no SNI), so only a certificate of "
        "that address can be shown and asked for.",
        (Mend.NAME_THE_HOST, Mend.LEAVE_HOST),
    )
    CLIENT_REFUSES = _Cause("The client refused Harrier's certificate for {} (TLS alert «{}»): {}.", _REFUSED)
    CLIENT_LEFT = _Cause(
        "The client left as soon as it saw Harrier's certificate for {}: probably it doesn't trust Harrier's CA, or "
        "accepts only the server's own certificate.",
        _REFUSED,
    )

    # The origin and what it wants.
    WANTS_CERTIFICATE = _Cause(
        "{} wants a client certificate, and Harrier has none to show{}, or none that it takes.", _WANTS_CERTIFICATE
    )
    ASKED_IN_VAIN = _Cause(  # many go on without, and answer with an error of HTTP's
        "{} has asked for a client certificate, and Harrier has none to show.", _WANTS_CERTIFICATE
    )
    WANTS_IT_LATE = _Cause(
        "{} asks to renegotiate TLS, probably because it wants a client certificate; that is not supported:",
        (Mend.LEAVE_HOST,),
    )
    OLD_TLS = _Cause(
        "{} speaks none of the TLS versions that the settings allow{}; older ones are unsafe (--upstream-tls).",
        (Mend.ALLOW_OLD_TLS, Mend.LEAVE_HOST, *_AGAIN),
    )

    # The origin's certificate.
    OF_ANOTHER_HARRIER = _Cause("The certificate of {} was issued by «{}», a CA of Harrier's:")
    EXPIRED = _Cause("The certificate of {} expired on {} UTC; this computer's clock says {} UTC.", _BAD_CERTIFICATE)
    NOT_YET_VALID = _Cause(
        "The certificate of {} is valid only from {} UTC on; this computer's clock says {} UTC.", _BAD_CERTIFICATE
    )
    WRONG_NAME = _Cause("The certificate of {} is not for {}{}.", _BAD_CERTIFICATE)
    SELF_SIGNED = _Cause("The certificate of {} is self-signed: no CA vouches for it.", _UNKNOWN_ISSUER)
    UNKNOWN_CA = _Cause("The certificate of {} comes from an unknown CA{}.", _UNKNOWN_ISSUER)
    INCOMPLETE_CHAIN = _Cause(
        "The certificate of {} was issued by «{}», and the server sent no certificate of that: the chain is incomplete "
        "(the server should send the intermediate certificate too), or it is an unknown CA.",
        _UNKNOWN_ISSUER,
    )
    WRONG_PURPOSE = _Cause("The certificate of {} is not meant for servers (extended key usage).", _BAD_CERTIFICATE)
    WEAK = _Cause("The certificate of {} or of its issuer is too weak ({}).", _BAD_CERTIFICATE)
    ODD_FORM = _Cause("The certificate chain of {} is not of RFC 5280's form ({}).", _BAD_CERTIFICATE)
    NOT_TRUSTED = _Cause("The certificate of {} can't be trusted ({}).", _BAD_CERTIFICATE)

    def told(self, *details: object) -> str:
        """The sentence that is recorded."""
        return self.value.sentence.format(*details)

    def is_in(self, text: str) -> bool:
        """Whether a text tells of it, whatever the details."""
        place = 0
        for piece in self.value.sentence.split("{}"):
            place = text.find(piece, place)
            if place < 0:
                return False
            place += len(piece)
        return True


# For sentences that are not in the table: of a later version, or of kinds with too many of them.
_BY_FAILURE: dict[str, tuple[Mend, ...]] = {
    FailureKind.CLIENT_REFUSED_CERTIFICATE: _REFUSED,
    FailureKind.CLIENT_TLS_ERROR: (Mend.LEAVE_HOST,),
    FailureKind.TLS_CERTIFICATE_ERROR: _BAD_CERTIFICATE,
    FailureKind.TLS_ALERT_RECEIVED: _WANTS_CERTIFICATE,
    FailureKind.TLS_PROTOCOL_ERROR: _WANTS_CERTIFICATE,
}


def reason_in(notes: str) -> str:
    """The remark among an exchange's notes that says why it is dark; "" where there is none."""
    return next((line for line in notes.split("\n") if line.startswith(_MARK)), "")


def causes_in(failure_text: str, notes: str) -> list[DarkCause]:
    """Which causes an exchange tells of."""
    texts = failure_text[:_LOOKED_AT], *notes[:_LOOKED_AT].split("\n")
    return [cause for cause in DarkCause if any(map(cause.is_in, texts))]


def causes_told(notes: str) -> list[str]:
    """The remarks among an exchange's notes that tell of causes."""
    return [line for line in notes[:_LOOKED_AT].split("\n") if causes_in(line, "")]


def mends_of(failure: str, failure_text: str, notes: str) -> list[Mend]:
    """What helps, the likeliest first; nothing where nothing is to be mended here."""
    causes = causes_in(failure_text, notes)
    found = [mend for cause in causes for mend in cause.value.mends] if causes else _BY_FAILURE.get(failure, ())
    return list(dict.fromkeys(found))
