"""What an import had to mend and what it had to leave out, counted, as sentences for people."""

from dataclasses import dataclass, field

TOO_LONG = "A text was longer than a capture can hold, and was cut"


@dataclass(slots=True)
class HarRepairs:
    """Counted while a file is read."""

    counts: dict[str, int] = field(default_factory=dict)  # repairs, in entries
    left_out: dict[tuple[str, str], int] = field(default_factory=dict)  # things that a capture has no place for
    tunnels: int = 0  # of which a HAR tells next to nothing

    def note(self, what: str) -> None:
        """One more entry in which `what` was the case: a sentence without its full stop."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def leave_out(self, thing: str, count: int = 1, *, plural: str = "") -> None:
        """So many more of a thing (singular, with its plural where that has not just an s behind) are not in the
        capture.
        """
        if count:
            named = thing, plural or f"{thing}s"
            self.left_out[named] = self.left_out.get(named, 0) + count

    def sentences(self) -> list[str]:
        """For people, the greatest loss first."""
        said = [f"{what} ({count:,} {'entry' if count == 1 else 'entries'})." for what, count in self.counts.items()]
        if self.left_out:
            things = [f"{count:,} {one if count == 1 else many}" for (one, many), count in self.left_out.items()]
            said.insert(0, f"Left out, since a capture has no place for it yet: {', '.join(things)}.")
        if self.tunnels:
            what = "1 tunnel is" if self.tunnels == 1 else f"{self.tunnels:,} tunnels are"
            said.append(f"{what} not taken over: the file tells only where they led, and how much was relayed.")
        return said
