"""How fast a HAR file becomes a capture, by the size of its bodies, and what memory it takes.

    python -m tests.benchmarks.har_import [MEGABYTES ...]

Prints megabytes of the file a second of processor time: the same for every size, or the reader looks at something twice.
"""

import json
import os
import resource
import sys
import tempfile
import time

from proxy_core.tasks.har_import import import_har

_WORDS = {
    "base64": ("QUJDRUZHSElKS0xN", "base64"),
    "escaped": ('{"id": 12345, "name": "reed"},\n', ""),
    "text": ("The quick brown fox. ", ""),
    "not ASCII": ("Grüße, 日本 ☃ ", ""),
}


def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "a.har"), os.path.join(folder, "a.harrier")
        for size in sizes:
            for label, (word, encoding) in _WORDS.items():
                text = word * ((size << 20) // len(word.encode()))
                content = {"text": text} | ({"encoding": encoding} if encoding else {})
                _write(
                    source, [{"request": {"url": "http://a.test/"}, "response": {"status": 200, "content": content}}]
                )
                _report(f"one body, {label}", source, target)
        fields = [{"name": f"X-Field-{number}", "value": "v" * 30} for number in range(20)]
        message = {"headers": fields, "status": 200, "url": "http://a.test/", "content": {"text": "x" * 1000}}
        _write(source, [{"request": message, "response": message}] * 20_000)
        _report("small entries", source, target)


def _write(path: str, entries: list[object]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"log": {"entries": entries}}, file, ensure_ascii=False)


def _report(label: str, source: str, target: str) -> None:
    size = os.path.getsize(source)
    begin = time.process_time()
    import_har(source, target)
    spent = time.process_time() - begin
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{label:22} {size / 1e6:7.1f} MB  {size / 1e6 / spent:6.1f} MB/s  at most {most} MB until now")


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [1, 8, 32])
