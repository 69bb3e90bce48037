"""Why there is no connection to an upstream, as an exception: from who looked for one to the relay that wanted it."""

from proxy_core.model.failure import Failure


class UpstreamError(Exception):
    """No connection: `failure` says why. `connection` is the key of one that TCP had but TLS refused, else 0."""

    def __init__(self, failure: Failure, connection: int = 0) -> None:
        super().__init__(failure.text)
        self.failure = failure
        self.connection = connection
        self.spent_us = 0  # before the request came that this answers
