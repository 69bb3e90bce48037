"""An X display of a test's own: Xvfb on a free number, ended with the block."""

import os
import select
import shutil
import subprocess
from types import TracebackType

_START_WITHIN_S = 30.0


class Display:
    """`environment` is what a program needs to show its window here."""

    def __init__(self, size: str = "1400x900x24") -> None:
        assert shutil.which("Xvfb"), "Xvfb is missing: apt-get install xvfb"
        reader, writer = os.pipe()
        command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", size, "-nolisten", "tcp"]
        self._process = subprocess.Popen(
            command, pass_fds=[writer], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(writer)
        try:
            ready, _, _ = select.select([reader], [], [], _START_WITHIN_S)
            number = os.read(reader, 100).decode().strip() if ready else ""
        finally:
            os.close(reader)
        if not number:
            self._end()
            raise AssertionError("Xvfb did not start")
        self.environment = {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "WAYLAND_DISPLAY": ""}

    def window_names(self) -> list[str]:
        """The titles of the windows that are shown."""
        command = ["xdotool", "search", "--onlyvisible", "--name", ".", "getwindowname", "%@"]
        result = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, check=False
        )
        return result.stdout.splitlines()

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(10)
