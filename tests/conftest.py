"""What holds for every test: Qt draws offscreen."""

import os
import signal

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# A shell that starts tests in the background has them ignore it, and what they start would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
