"""What holds for every test: Qt draws offscreen, and Harrier's modules are read from their sources.

Where HARRIER_TEST_COMPILED is set they come from the build of `build_scripts/compile.py` instead, here and in all that is
started. A test that puts something in the place of a module's inside can't do that to compiled ones: it is marked
`replaces_inside`, and runs from the sources alone.
"""

import os
import signal

import pytest

from proxy_core.compiled import PLAIN_VARIABLE, use_compiled

IS_COMPILED = bool(os.environ.get("HARRIER_TEST_COMPILED"))

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# A shell that starts tests in the background has them ignore it, and what they start would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
if not IS_COMPILED:
    os.environ[PLAIN_VARIABLE] = "1"
elif not use_compiled():  # here and not in a hook: what is tested is imported by the next conftest
    raise pytest.UsageError("There is no build that fits: python3 build_scripts/compile.py makes one.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    other = "replaces_inside" if IS_COMPILED else "needs_compiled"
    left_out = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
