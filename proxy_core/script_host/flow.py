"""One exchange as scripts see it; it lives from its first hook to the exchange's end."""

from typing import Any

from proxy_core.script_host.message import Request, Response


class Error:
    """Why an exchange failed."""

    def __init__(self, msg: str) -> None:
        self.msg = msg

    def __str__(self) -> str:
        return self.msg


class HTTPFlow:
    """An exchange."""

    def __init__(self, key: str, request: Request) -> None:
        self.id = key
        self.request = request
        self.response: Response | None = None
        self.error: Error | None = None
        self.metadata: dict[str, Any] = {}  # a script's own
        self.comment = ""
        self.marked = ""
        self.is_replay: str | None = None
        self.is_killed = False
        self.type = "http"

    @property
    def killable(self) -> bool:
        """Whether `kill` does anything."""
        return not self.is_killed and self.error is None

    def kill(self) -> None:
        """Cut both sides off."""
        self.is_killed = True
        self.error = Error("Connection killed.")
