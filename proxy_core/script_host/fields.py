"""Ordered pairs with several values for a key: headers, the query, a form's fields, cookies.

A view (`MultiDictView`) reads its pairs from the message that they lie in and writes them back there, so that there is
one truth about them.
"""

from collections.abc import Callable, Iterable, Iterator, MutableMapping

Pairs = tuple[tuple[str, str], ...]
HeaderPairs = tuple[tuple[bytes, bytes], ...]


class MultiDictView(MutableMapping[str, str]):
    """Pairs that lie elsewhere. As a mapping it has the first value of each key."""

    def __init__(self, get: Callable[[], Pairs], put: Callable[[Pairs], None]) -> None:
        self._get, self._put = get, put

    @property
    def fields(self) -> Pairs:
        """All pairs, in order."""
        return self._get()

    @fields.setter
    def fields(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._put(tuple(pairs))

    def get_all(self, key: str) -> list[str]:
        """All values of a key."""
        return [value for name, value in self._get() if name == key]

    def set_all(self, key: str, values: Iterable[str]) -> None:
        """These values in place of those that are there, from where the first one stood."""
        pairs = self._get()
        at = next((number for number, (name, _) in enumerate(pairs) if name == key), len(pairs))
        before, behind = pairs[:at], tuple(pair for pair in pairs[at:] if pair[0] != key)
        self._put((*before, *((key, value) for value in values), *behind))

    def add(self, key: str, value: str) -> None:
        """One more, behind all others."""
        self._put((*self._get(), (key, value)))

    def __getitem__(self, key: str) -> str:
        for name, value in self._get():
            if name == key:
                return value
        raise KeyError(key)

    def __setitem__(self, key: str, value: str) -> None:
        self.set_all(key, [value])

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.set_all(key, [])

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._get()))

    def __len__(self) -> int:
        return len({name for name, _ in self._get()})

    def __repr__(self) -> str:
        return f"{type(self).__name__}{list(self._get())!r}"


class Headers(MutableMapping[str, str]):
    """Names are found in any case and stay as they were spelled; several values read as one, with commas."""

    def __init__(self, fields: Iterable[tuple[bytes, bytes]] = (), **headers: str) -> None:
        """`headers` have underscores for hyphens: `Headers(content_type="text/html")`."""
        self.fields: HeaderPairs = tuple(fields)
        for name, value in headers.items():
            self[name.replace("_", "-")] = value

    def get_all(self, name: str) -> list[str]:
        """Each value by itself."""
        wanted = _bytes(name).lower()
        return [_text(value) for field, value in self.fields if field.lower() == wanted]

    def set_all(self, name: str, values: Iterable[str]) -> None:
        """These values in place of those that are there, from where the first one stood, spelled as that one."""
        wanted, pairs = _bytes(name).lower(), self.fields
        at = next((number for number, (field, _) in enumerate(pairs) if field.lower() == wanted), len(pairs))
        spelled = pairs[at][0] if at < len(pairs) else _bytes(name)
        behind = tuple(pair for pair in pairs[at:] if pair[0].lower() != wanted)
        self.fields = (*pairs[:at], *((spelled, _bytes(value)) for value in values), *behind)

    def add(self, name: str, value: str) -> None:
        """One more, behind all others."""
        self.fields = (*self.fields, (_bytes(name), _bytes(value)))

    def insert(self, index: int, name: str, value: str) -> None:
        """One more, before the field of this number."""
        self.fields = (*self.fields[:index], (_bytes(name), _bytes(value)), *self.fields[index:])

    def copy(self) -> "Headers":
        """The same, apart."""
        return Headers(self.fields)

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __setitem__(self, name: str, value: str) -> None:
        self.set_all(name, [value])

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.set_all(name, [])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        first = {field.lower(): field for field, _ in reversed(self.fields)}
        return iter([_text(first[name]) for name in dict.fromkeys(field.lower() for field, _ in self.fields)])

    def __len__(self) -> int:
        return len({field.lower() for field, _ in self.fields})

    def __bytes__(self) -> bytes:
        return b"".join(b"%b: %b\r\n" % field for field in self.fields)

    def __repr__(self) -> str:
        return f"Headers{list(self.fields)!r}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
