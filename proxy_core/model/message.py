"""A message as a rule sees it: what a request or a response says, in no protocol's framing.

It is made only where somebody wants to decide about an exchange. Who changes it makes another one (`_replace`); what
the sides then write from it, they write, with the framing that is theirs: a `Content-Length`, `Transfer-Encoding` or
`Connection` in `fields` tells what was received and has no say.
"""

from typing import NamedTuple

from proxy_core.model.message_head import Field


class Message(NamedTuple):
    """A request (status 0) or a response."""

    method: bytes  # of the request; of a response, that of its request
    scheme: str
    host: str  # hostname or IP literal without brackets
    port: int
    target: bytes  # path and query
    status: int  # 0 for a request
    fields: tuple[Field, ...]  # in order, duplicates kept, names as spelled
    body: bytes | None  # on the wire, content coding kept; None where it passes as it comes, unseen

    def value(self, name: bytes) -> bytes | None:
        """The first value of the field `name` (lower case), None when absent."""
        return next((value for field_name, value in self.fields if field_name.lower() == name), None)
