"""llhttp's cases (github.com/nodejs/llhttp, its folder `test`): what its parser and ours make of the same bytes.

Compared are the messages (how many, and their bodies) and whether something is refused. llhttp is lenient where
servers have to be; a proxy must let nothing pass that two readers may read differently. So a difference is no failure
as such, but each needs its reason in `_EXPLAINED`, and what has none is told.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from build_scripts.suites.through import SuiteError
from proxy_core.protocols.http1.head import Http1RequestHead
from proxy_core.protocols.http1.reader import RequestReader, ResponseReader
from proxy_core.protocols.part import BodyPart, EndOfMessage, ProtocolError

# What either refuses alone, and why that's as it should be. A sentence of ours, one of theirs (in quotes), or a case.
_EXPLAINED = {
    "names no HTTP version": "HTTP/0.9, RTSP, ICE and what follows an upgrade are no HTTP/1 (RFC 9112 §2.3)",
    "did not answer in HTTP/1": "RTSP, ICE and HTTP/0.9; an empty line may precede requests alone (RFC 9112 §2.2, §4)",
    "CONNECT request can't have": "content of CONNECT has no meaning, and readers differ about it (RFC 9110 §9.3.6)",
    "may have the target": "only OPTIONS asks for «*» (RFC 9112 §3.2.4)",
    "user name or password": "userinfo before a host is to be taken for an error (RFC 9110 §4.2.4)",
    "does not end with one": "where such a body ends is told by no rule that all follow (RFC 9112 §6.3)",
    "doesn't know the transfer coding": "a coding that nobody here can undo is refused with 501 (RFC 9112 §6.1)",
    "What follows the last message": "what follows a CONNECT is the tunnel's",
    "no Host field": "the second of two requests has none (RFC 9112 §3.2)",
    "has no colon": "the case ends within a field, which is completed here to see what it is worth",
    '"Missing expected CR after response line"': "an origin's lines may end with LF alone, if all do (RFC 9112 §2.2)",
    '"Invalid method for HTTP': "methods are an open list (RFC 9110 §9.1)",
    '"Expected space after method"': "methods are an open list (RFC 9110 §9.1)",
    '"Invalid char in url path"': "bytes above 0x7f go to the origin as they came (RFC 9112 §3.2 lets it refuse them)",
    '"Invalid character in chunk ext': "an odd extension of a chunk is left out of what is sent on (RFC 9112 §7.1.1)",
    "Spaces before headers": "a folded line is joined before it is sent on (RFC 9112 §5.2)",
    "HTTP 103 first": "the case ends before the final response's body does",
}

_HEADING = re.compile(r"#+ (.*)")
_META = re.compile(r"<!-- meta=(\{.*?\}) -->")
_ESCAPES = {"\\r": "\r", "\\n": "\n", "\\t": "\t", "\\f": "\f"}
_REQUEST_LINE = re.compile(rb"(?m)^[A-Z-]+ \S+ HTTP/1\.\d *\r\n")
_NOTHING_AFTER_CLOSE = "What follows the last message is not read."
_SWITCHING = 101
_STOPS_FOR_ITS_USER = re.compile(r'reason="(Pause on|on_\w+ pause|.*[Pp]ause)')


class Case(NamedTuple):
    """One input with llhttp's own reading of it."""

    place: str  # file and heading
    data: bytes
    is_request: bool
    log: str
    is_lenient: bool  # its checks are partly switched off


class Reading(NamedTuple):
    """What a parser has made of an input."""

    bodies: tuple[bytes, ...]  # of each message that it has read to its end
    refusal: str  # "" for none


def run_llhttp(folder: str) -> list[str]:
    """Every case of the folder; the differences that have no reason."""
    paths = sorted(Path(folder).rglob("*.md"))
    if not paths:
        raise SuiteError(f"There are no cases (*.md) in {folder}.")
    same = lenient = 0
    explained: Counter[str] = Counter()
    unexplained: list[str] = []
    for case in (case for path in paths for case in _cases(path)):
        theirs, ours = _their_reading(case), _our_reading(case)
        if bool(theirs.refusal) == bool(ours.refusal) and theirs.bodies == ours.bodies:
            same += 1
            continue
        if case.is_lenient and ours.refusal:
            lenient += 1
            continue
        said = f"{case.place} {theirs.refusal} {ours.refusal}"
        reason = next((why for words, why in _EXPLAINED.items() if words in said), "")
        if reason:
            explained[reason] += 1
        else:
            unexplained.append(f"{case.place}: theirs {theirs}, ours {ours}")
    total = same + lenient + sum(explained.values()) + len(unexplained)
    print(f"{total} cases, {same} read alike, {lenient} with llhttp's checks off refused by ours")
    for reason, count in explained.most_common():
        print(f"  {count:3} differ: {reason}")
    return unexplained


def _cases(path: Path) -> Iterator[Case]:
    heading = ""
    meta: dict[str, object] = {}
    blocks: dict[str, str] = {}
    block: list[str] | None = None
    kind = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if block is not None:
            if line != "```":
                block.append(line)
                continue
            blocks[kind], block = "\n".join(block), None
            if kind == "log" and "http" in blocks:
                yield from _case(f"{path.parent.name}/{path.stem}: {heading}", meta, blocks)
                blocks = {}
        elif line.startswith("```"):
            kind, block = line[3:], []
        elif found := _HEADING.fullmatch(line):
            heading, blocks = found[1], {}
        elif found := _META.search(line):
            # Some of these are JavaScript rather than JSON: names without quotes.
            meta = json.loads(re.sub(r"([{,]\s*)(\w+):", r'\1"\2":', found[1]))


def _case(place: str, meta: dict[str, object], blocks: dict[str, str]) -> Iterator[Case]:
    kind = str(meta.get("type", ""))
    if meta.get("skip") or meta.get("pause") or meta.get("skipBody"):
        return  # of interfaces that ours hasn't
    if "request" in kind or "response" in kind:
        text = blocks["http"].replace("\\\n", "").replace("\n", "\r\n")
        for escape, character in _ESCAPES.items():
            text = text.replace(escape, character)
        text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
        text = re.sub(r"\\([0-7]{1,3})", lambda found: chr(int(found[1], 8)), text)
        text = re.sub(r"\$\{'(.+?)'\.repeat\((\d+)\)\}", lambda found: found[1] * int(found[2]), text)
        # llhttp's runner hands over what the text is in UTF-8.
        yield Case(place, text.encode("utf-8"), "request" in kind, blocks["log"], "lenient" in kind)


def _their_reading(case: Case) -> Reading:
    bodies: list[bytes] = []
    refusal, body = "", b""
    for line in case.log.splitlines():
        if "message begin" in line:
            body = b""
        elif "message complete" in line:
            bodies.append(body)
        elif found := re.match(r"off=(\d+) len=(\d+) span\[body\]", line):
            body += case.data[int(found[1]) : int(found[1]) + int(found[2])]
        elif "error code=" in line and not _STOPS_FOR_ITS_USER.search(line):
            refusal = line.partition("reason=")[2]
    return Reading(tuple(bodies), refusal)


def _our_reading(case: Case) -> Reading:
    reader = RequestReader() if case.is_request else ResponseReader()
    data = case.data
    if case.is_request and b"\nhost:" not in data.lower():
        data = _REQUEST_LINE.sub(rb"\g<0>Host: a.test\r\n", data)  # that it has none is said already
    bodies: list[bytes] = []
    body = b""
    is_last = False
    reader.receive(data)
    try:
        while True:
            if isinstance(reader, ResponseReader) and not reader.is_mid_message:
                reader.expect(b"GET")
            part = reader.next_part()
            match part:
                case None if reader.is_mid_head and not is_last:
                    reader.receive(b"\r\n\r\n")  # some of them leave the head's end out: what is it worth so far?
                    is_last = True
                case None:
                    return Reading(tuple(bodies), "")
                case BodyPart():
                    body += part.data
                case EndOfMessage():
                    bodies.append(body)
                    body = b""
                    if is_last:
                        return Reading(tuple(bodies), _NOTHING_AFTER_CLOSE if reader.leftover().strip() else "")
                case Http1RequestHead():
                    is_last = is_last or not part.keep_alive or part.method == b"CONNECT"
                case _:
                    is_last = is_last or not part.keep_alive
                    if part.status == _SWITCHING:
                        return Reading((b"",), "")
    except ProtocolError as error:
        return Reading(tuple(bodies), error.failure.text)
