"""How large the members of a capture's records may be: one measure for who makes them, imports them and reads them.

What a worker tells, what comes out of a HAR file and what a capture file holds are held to the same bounds, all of them
inclusive: so nothing is taken in that a reader would afterwards call damage.
"""

MOST_COUNT = 2**53  # bytes or microseconds; a thousand of them still fit an integer of SQLite's
MOST_FLAGS = 2**31 - 1
MOST_PORT = 65_535
MOST_STATUS = 999
# What `datetime` can say, in microseconds since the epoch, with a day to spare for time zones.
EARLIEST = -62_135_500_000 * 1_000_000
LATEST = 253_402_200_000 * 1_000_000
TEXT_LIMIT = 2 * 1024 * 1024  # characters of one column; Chromium's longest URL (kMaxURLChars)
NAME_LIMIT = (
    64 * 1024
)  # characters of a host, a media type …; there are a handful of them in a row, and none comes near
# With the texts, all seven heads and trailers and the acts fit into one value of the index, with room to spare.
HEAD_LIMIT_BYTES = 6 * 1024 * 1024
ACTS_LIMIT_BYTES = 1024 * 1024  # a sentence for each thing that was done about an exchange: some thousands of them
