"""The options of the command line that say what acts on exchanges: files of rules, scripts."""

import argparse
import os

from proxy_core.model.settings import RuleSettings


class ActingError(Exception):
    """An option names what is not there; the text says it in one sentence."""


def add_acting(parser: argparse.ArgumentParser) -> None:
    """Add them to a parser's options."""
    parser.add_argument(
        "--rules",
        action="append",
        default=[],
        metavar="FILE",
        help="act by the rules of this file. May come several times",
    )
    parser.add_argument(
        "--script",
        action="append",
        default=[],
        metavar="FILE.py",
        help="have this script see every exchange. It runs with your rights. May come several times",
    )


def acting_settings(options: argparse.Namespace) -> RuleSettings:
    """What they say. Raises ActingError."""
    for path in options.script:
        if not os.path.isfile(path):
            raise ActingError(f"There is no file {path} to run: check --script.")
    return RuleSettings(
        files=tuple(map(os.path.abspath, options.rules)), scripts=tuple(map(os.path.abspath, options.script))
    )
