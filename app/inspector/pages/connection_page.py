"""Both connections of an exchange, and the certificates that its upstream showed."""

from app.inspector.facts import connection_sections
from app.inspector.pages.page import fact_page

CONNECTION = fact_page(
    "connection", "Connection", lambda shown: connection_sections(shown.row, shown.client, shown.upstream)
)
