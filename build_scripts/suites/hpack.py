"""hpack-test-case (github.com/http2jp/hpack-test-case): stories of field blocks that share a table, by many encoders.

Each block is decoded as a connection would, by both implementations, and what we encode of each story is decoded again.
Stories with a larger table than we ever announce are counted apart.
"""

import json
from pathlib import Path
from unittest import mock

from build_scripts.suites.through import SuiteError
from proxy_core.protocols.http2 import hpack
from proxy_core.protocols.http2.hpack import TABLE_BYTES, FieldBlockError, FieldDecoder, FieldEncoder

_LIMIT_BYTES = 1 << 20
_LIMIT_FIELDS = 10_000


def _pairs(case: dict[str, object]) -> list[tuple[bytes, bytes]]:
    headers = case["headers"]
    assert isinstance(headers, list)
    return [(name.encode(), value.encode()) for each in headers for name, value in each.items()]


def _decode_story(cases: list[dict[str, object]]) -> tuple[int, int, int]:
    """The blocks of a story: right, wrong, and refused since the story has a table that we never announce."""
    decoder = FieldDecoder(_LIMIT_BYTES, _LIMIT_FIELDS)
    right = 0
    for number, case in enumerate(cases):
        if int(str(case.get("header_table_size") or TABLE_BYTES)) > TABLE_BYTES:
            return right, 0, len(cases) - number
        try:
            fields = decoder.decode(bytes.fromhex(str(case["wire"])))
        except FieldBlockError as error:
            print(f"  block {number}: {error.text}")
            return right, len(cases) - number, 0
        if [field[:2] for field in fields] != _pairs(case):
            print(f"  block {number}: other fields")
            return right, len(cases) - number, 0
        right += 1
    return right, 0, 0


def _encode_story(cases: list[dict[str, object]]) -> tuple[int, int, int]:
    encoder, decoder = FieldEncoder(), FieldDecoder(_LIMIT_BYTES, _LIMIT_FIELDS)
    wrong = 0
    for case in cases:
        fields = tuple((name, value, False) for name, value in _pairs(case))
        wrong += decoder.decode(encoder.encode(fields)) != fields
    return len(cases) - wrong, wrong, 0


def run_hpack(folder: str) -> list[str]:
    """Every story of every encoder; those that were read wrongly."""
    encoders = sorted({path.parent for path in Path(folder).glob("*/story_*.json")})
    if not encoders:
        raise SuiteError(f"There are no stories (*/story_*.json) in {folder}.")
    against = []
    for encoder in encoders:
        for has_rust in (True, False):
            counts = [0, 0, 0]
            for path in sorted(encoder.glob("story_*.json")):
                cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
                with mock.patch.object(hpack, "HAS_RUST", has_rust):
                    results = _decode_story(cases) if "wire" in cases[0] else _encode_story(cases)
                counts = [one + other for one, other in zip(counts, results, strict=True)]
                if results[1]:
                    against.append(f"{path} with {'Rust' if has_rust else 'Python'}: {results[1]} blocks")
            name = "rust" if has_rust else "python"
            print(f"{encoder.name:28} {name:7} {counts[0]:6} right {counts[1]:4} wrong {counts[2]:4} beyond our table")
    return against
