"""What an import had to mend and what it had to leave out, counted, as sentences for people."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class HarRepairs:
    """Counted while a file is read."""

    counts: dict[str, int] = field(default_factory=dict)  # repairs, in entries
    left_out: dict[str, int] = field(default_factory=dict)  # things that a capture has no place for

    def note(self, what: str) -> None:
        """One more entry in which `what` was the case: a sentence without its full stop."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def leave_out(self, thing: str, count: int = 1) -> None:
        """So many more of a thing (singular) are not in the capture."""
        if count:
            self.left_out[thing] = self.left_out.get(thing, 0) + count

    def sentences(self) -> list[str]:
        """For people, the greatest loss first."""
        said = [f"{what} ({count:,} {'entry' if count == 1 else 'entries'})." for what, count in self.counts.items()]
        if self.left_out:
            things = [f"{count:,} {thing}{'' if count == 1 else 's'}" for thing, count in self.left_out.items()]
            said.insert(0, f"Left out, since a capture has no place for it yet: {', '.join(things)}.")
        return said
