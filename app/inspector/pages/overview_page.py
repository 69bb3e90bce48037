"""What is worth knowing of an exchange at a glance."""

from app.inspector.facts import overview
from app.inspector.pages.page import fact_page

OVERVIEW = fact_page("overview", "Overview", lambda shown: overview(shown.row, shown.detail, shown.upstream))
