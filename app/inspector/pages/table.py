"""The pages of the inspector, in the order of their tabs. One more is a file beside this one, and its line here."""

from app.inspector.pages.connection_page import CONNECTION
from app.inspector.pages.messages_page import MESSAGES
from app.inspector.pages.overview_page import OVERVIEW
from app.inspector.pages.page import PageSpec
from app.inspector.pages.request_page import REQUEST
from app.inspector.pages.response_page import RESPONSE
from app.inspector.pages.timing_page import TIMING

PAGES: tuple[PageSpec, ...] = (OVERVIEW, REQUEST, RESPONSE, TIMING, CONNECTION, MESSAGES)
FIRST_SHOWN = RESPONSE.key
