"""The composition root of the window process: the only place that makes the parts and joins them.

The engine is started first, so that it is listening by the time the window is drawn.
"""

import atexit
import importlib
import os
import sys
import threading
from functools import partial

import msgspec

from app.preferences import Preferences, load_preferences
from proxy_core.command_line import WindowOptions
from proxy_core.control import EngineControl
from proxy_core.fault_log import FaultLog, open_fault_log
from proxy_core.home import HomeError, open_home
from proxy_core.model.settings import Settings
from proxy_core.terminal import complain
from proxy_core.version import VERSION

SWITCH_INTERVAL_S = 0.001  # background threads never hold the window for longer
_USAGE_STATUS = 2
_DISPLAYS = ("WAYLAND_DISPLAY", "DISPLAY", "QT_QPA_PLATFORM")


def run(options: WindowOptions) -> int:
    """Show the window until it is closed; returns the exit status."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in _DISPLAYS):
        return _say_and_leave("There is no display here to show a window on. `harrier record` needs none.")
    try:
        home = open_home(options.home)
    except HomeError as error:
        return _say_and_leave(str(error))
    log = open_fault_log(home.log, "window")
    preferences = load_preferences(home.preferences)
    settings = effective_settings(preferences, options)
    control = EngineControl()
    control.start(settings, home.path)
    try:
        return _show(options, control, preferences, settings, log)
    finally:
        control.stop()


def effective_settings(preferences: Preferences, options: WindowOptions) -> Settings:
    """What the person has set before, overruled by the command line for this run."""
    settings = msgspec.structs.replace(preferences.settings, port_fallback=True, recording=True)
    if options.workers is not None:
        settings = msgspec.structs.replace(settings, workers=options.workers)
    if options.insecure_upstream:
        settings = msgspec.structs.replace(settings, insecure_upstream=True)
    if options.upstream_ca:
        settings = msgspec.structs.replace(settings, upstream_ca=options.upstream_ca)
    return options.with_ways_out(options.with_ways_in(settings))


def _show(
    options: WindowOptions, control: EngineControl, preferences: Preferences, settings: Settings, log: FaultLog
) -> int:
    try:
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        return _say_and_leave(f"The window's libraries can't be loaded ({error}). `harrier record` needs none of them.")
    from app.look.icons import application_icon
    from app.look.theme import Scheme, Theme
    from app.shell.engine_bridge import EngineBridge
    from app.shell.fault_news import FaultNews, QtMessages
    from app.shell.signals import SignalWatch
    from app.shell.window_controller import WindowController

    messages = QtMessages(log)
    messages.before_abort = partial(_leave_without_display, control, log.path)
    application = QApplication(sys.argv[:1])
    messages.before_abort = None
    application.setApplicationName("Harrier")
    application.setApplicationVersion(VERSION)
    application.setDesktopFileName("harrier")
    application.setWindowIcon(application_icon())
    home = open_home(options.home)
    scheme = Scheme(preferences.theme) if preferences.theme in set(Scheme) else Scheme.SYSTEM
    theme = Theme(application, scheme)
    bridge = EngineBridge(control, home.path)
    bridge.attach()
    controller = WindowController(home, preferences, settings, bridge, theme)
    FaultNews(log, controller.window.notices)
    signals = SignalWatch(controller.window.close)
    controller.window.show()
    for file in options.files[:1]:
        controller.files.open(file)
    threading.Thread(target=_import_the_rest, name="imports", daemon=True).start()
    status = application.exec()
    signals.close()
    controller.close()
    return status


def _import_the_rest() -> None:
    """What the window needs only later, once it is there: importing it at need would hold the window up."""
    importlib.import_module("app.inspector.certificate_facts")


def _leave_without_display(control: EngineControl, log_path: str) -> None:
    """Qt can't open the display, and would abort the process: leave in order instead."""
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or os.environ.get("QT_QPA_PLATFORM")
    said = f"The window can't be opened on the display {display}; what Qt says of it is in {log_path}."
    status = _say_and_leave(f"{said} `harrier record` needs none.")
    control.stop()
    atexit._run_exitfuncs()  # what sys.exit would do, which can't be called from within Qt
    os._exit(status)


def _say_and_leave(sentence: str) -> int:
    """Before there is a window: on standard error, or, without one, in the smallest of windows."""
    if sys.stderr is not None:
        complain(f"harrier: {sentence}")
        return _USAGE_STATUS
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication, QMessageBox

    application = QApplication(sys.argv[:1])
    box = QMessageBox(QMessageBox.Icon.Critical, "Harrier", "")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(sentence)
    box.exec()
    del application
    return _USAGE_STATUS
