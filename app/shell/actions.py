"""Every action of the window as data: its text, its keys, its icon, its place in the menu. No Qt in the table.

What an action does is told by whoever can do it (`bind_actions`); what it is called stands only here. Keys are those
of the browsers' network panel where it has one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from proxy_core.formats.snippets.snippet import SnippetFormat
from proxy_core.formats.snippets.table import SNIPPETS


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action."""

    key: str
    text: str
    keys: str = ""  # portable text of QKeySequence; several separated by « / »
    group: str = ""  # headline in the list of keys
    is_of_list: bool = False  # its keys are at work only where the list is: elsewhere they mean something else


def snippet_action(form: SnippetFormat) -> str:
    """The key of the action that copies in this format."""
    return f"copy_{form.key}"


_SNIPPET_KEYS = {"url": "Ctrl+C", "curl": "Ctrl+Shift+C"}  # a format needs none

ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("record", "Record or Pause", "Ctrl+E", "Capture"),
    # The browsers' panel has it on Ctrl+L, too, as a key of the panel: elsewhere in a browser that leads to the
    # address, and the hand that wants to go there must not clear.
    ActionSpec("clear", "Clear", "Ctrl+L", "Capture", is_of_list=True),
    ActionSpec("open_browser", "Open Browser", "Ctrl+B", "Capture"),
    ActionSpec("close_browsers", "Close Browsers", "", "Capture"),
    ActionSpec("copy_address", "Copy Proxy Address", "Ctrl+Shift+A", "Capture"),
    ActionSpec("copy_terminal", "Copy Settings for a Terminal", "Ctrl+Shift+T", "Capture"),
    ActionSpec("open", "Open…", "Ctrl+O", "Files"),
    ActionSpec("save", "Save As…", "Ctrl+S", "Files"),
    ActionSpec("save_selected", "Save Selected As…", "", "Files"),
    ActionSpec("export_all", "Export All as HAR…", "Ctrl+Shift+S", "Files"),
    ActionSpec("export_shown", "Export Shown as HAR…", "", "Files"),
    ActionSpec("export_selected", "Export Selected as HAR…", "", "Files"),
    ActionSpec("back_to_live", "Back to the Live Capture", "Ctrl+Shift+L", "Files"),
    ActionSpec("filter", "Filter", "Ctrl+F", "List", is_of_list=True),
    ActionSpec("clear_filter", "Clear the Filter", "", "List"),
    ActionSpec("to_end", "Follow the Newest", "", "List"),
    *(
        ActionSpec(snippet_action(each), each.title, _SNIPPET_KEYS.get(each.key, ""), "List", is_of_list=True)
        for each in SNIPPETS
    ),
    ActionSpec("copy_cell", "Copy Value", "", "List"),
    ActionSpec("only_host", "Show Only This Host", "", "List"),
    ActionSpec("not_host", "Hide This Host", "", "List"),
    ActionSpec("leave_host", "Leave This Host Undecrypted", "", "List"),
    ActionSpec("decrypt_host", "Decrypt This Host", "", "List"),
    ActionSpec("accept_certificate", "Accept This Certificate", "", "List"),
    ActionSpec("client_certificate", "Add a Client Certificate…", "", "List"),
    ActionSpec("open_again", "Open in a Browser", "", "List"),
    ActionSpec("select_all", "Select All", "Ctrl+A", "List", is_of_list=True),
    ActionSpec("show_list", "Go to the List", "F6", "Window"),
    ActionSpec("certificate", "Certificate…", "", "Window"),
    ActionSpec("settings", "Settings…", "Ctrl+,", "Window"),
    ActionSpec("log", "Open the Log of Harrier's Own Faults", "", "Window"),
    ActionSpec("keys", "Keyboard Shortcuts", "F1", "Window"),
    ActionSpec("quit", "Quit", "Ctrl+Q", "Window"),
)

MAIN_MENU: tuple[str, ...] = (
    "open", "@recent", "save", "-",
    "export_all", "export_shown", "export_selected", "-",
    "copy_address", "copy_terminal", "certificate", "-",
    "settings", "@theme", "keys", "log", "-",
    "quit",
)  # fmt: skip
LIST_MENU: tuple[str, ...] = (
    *map(snippet_action, SNIPPETS), "copy_cell", "-",
    "only_host", "not_host", "-",
    "leave_host", "decrypt_host", "accept_certificate", "client_certificate", "open_again", "-",
    "export_selected", "save_selected", "-",
    "select_all", "to_end",
)  # fmt: skip


def build_actions(window: QWidget, list_area: QWidget) -> dict[str, QAction]:
    """A QAction for each spec, with its keys at work in the window or around the list."""
    actions: dict[str, QAction] = {}
    for spec in ACTIONS:
        action = QAction(spec.text, window)
        action.setShortcuts([QKeySequence(keys) for keys in spec.keys.split(" / ") if keys])
        if spec.is_of_list:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        (list_area if spec.is_of_list else window).addAction(action)
        actions[spec.key] = action
    return actions


def bind_actions(actions: Mapping[str, QAction], handlers: Mapping[str, Callable[[], object]]) -> None:
    """Say what some of the actions do."""
    for key, handler in handlers.items():
        actions[key].triggered.connect(_without_argument(handler))


def _without_argument(handler: Callable[[], object]) -> Callable[[bool], None]:
    def call(_is_checked: bool) -> None:
        handler()

    return call


def keys_text(key: str) -> str:
    """The keys of an action in the system's own words, "" for none."""
    spec = next(each for each in ACTIONS if each.key == key)
    first = spec.keys.split(" / ")[0]
    return QKeySequence(first).toString(QKeySequence.SequenceFormat.NativeText) if first else ""
