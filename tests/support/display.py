"""An X display of a test's own: Xvfb on a free number, ended with the block."""

import os
import select
import shutil
import subprocess
import sys
from types import TracebackType

_START_WITHIN_S = 30.0
# ICCCM 4.2.8.1: what a window manager sends when its close button is pressed. In a process of its own, since Xlib ends
# the process on an error.
_CLOSE = """
import ctypes
xlib = ctypes.CDLL("libX11.so.6")
xlib.XOpenDisplay.restype = ctypes.c_void_p
xlib.XInternAtom.restype = ctypes.c_ulong
class Message(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong),
                ("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("room", ctypes.c_long * 24)]
display = ctypes.c_void_p(xlib.XOpenDisplay(None))
protocols, delete = (xlib.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
for number in {numbers}:
    message = Message(33, 0, 1, display, number, protocols, 32, (ctypes.c_long * 5)(delete, 0))
    xlib.XSendEvent(display, ctypes.c_ulong(number), 0, 0, ctypes.byref(message))
xlib.XCloseDisplay(display)
"""


class Display:
    """`environment` is what a program needs to show its window here."""

    def __init__(self, size: str = "1400x900x24") -> None:
        assert shutil.which("Xvfb"), "Xvfb is missing: apt-get install xvfb"
        reader, writer = os.pipe()
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp"]
        command.append("-noreset")  # else it starts anew when its last window closes, and refuses whoever comes then
        self._process = subprocess.Popen(
            command, pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(writer)
        number = b""
        try:
            # The number and the end of its line come apart; Xvfb ends when nobody takes the latter.
            while not number.endswith(b"\n") and select.select([reader], [], [], _START_WITHIN_S)[0]:
                data = os.read(reader, 100)
                if not data:
                    break
                number += data
        finally:
            os.close(reader)
        if not number.endswith(b"\n"):
            self._end()
            raise AssertionError("Xvfb did not start")
        self.environment = {"DISPLAY": f":{number.decode().strip()}", "QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": ""}

    def window_names(self) -> list[str]:
        """The titles of the windows that are shown."""
        return self._xdotool("search", "--onlyvisible", "--name", ".", "getwindowname", "%@").splitlines()

    def find(self, window: str) -> list[str]:
        """The windows (their X numbers) with a title in which this regular expression is found."""
        return self._xdotool("search", "--onlyvisible", "--name", window).split()

    def press(self, window: str, *keys: str) -> bool:
        """Press keys (`ctrl+b`) in the window with this title (see `find`); False when there is none."""
        if not self._focus(window):
            return False
        self._xdotool("key", *keys)
        return True

    def enter(self, window: str, text: str) -> bool:
        """Type a text (ASCII) in that window; False when there is none."""
        if not self._focus(window):
            return False
        self._xdotool("type", text)
        return True

    def _focus(self, window: str) -> bool:
        found = self.find(window)
        if found:
            # There is no window manager here: nobody else gives the window the focus.
            self._xdotool("windowraise", found[-1], "windowfocus", "--sync", found[-1])
        return bool(found)

    def close(self, window: str) -> None:
        """Ask the windows with this title to close, as a window manager's button does."""
        found = self.find(window)
        code = _CLOSE.format(numbers=[int(number) for number in found])
        subprocess.run([sys.executable, "-c", code], env={**os.environ, **self.environment}, check=True)

    def _xdotool(self, *words: str) -> str:
        result = subprocess.run(
            ["xdotool", *words], env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        return result.stdout

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(10)
