"""The command line: the window, `record`, `convert`, `ca`. Heavy parts are imported by the command that needs them.

A mistake of the user's ends with one plain sentence on standard error and exit status 2, never with a traceback.
"""

import argparse
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import msgspec

from proxy_core.acting_options import ActingError, acting_settings, add_acting
from proxy_core.model.endpoint import bracketed
from proxy_core.model.settings import RuleSettings, Settings, is_open_to_others
from proxy_core.model.ways_in import WayInError
from proxy_core.model.ways_out import WayError
from proxy_core.terminal import complain, say
from proxy_core.version import VERSION
from proxy_core.ways_in_options import add_ways_in, apply_ways_in
from proxy_core.ways_out_options import add_ways_out, apply_ways_out

if TYPE_CHECKING:
    from proxy_core.listening import Listener

COMMANDS = ("record", "convert", "ca")


class UsageError(Exception):
    """What the user asked for can't be done: one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """What the window is started with. None in `listen`, `workers` …: as the person has set it before."""

    home: str | None
    files: tuple[str, ...]
    workers: int | None
    insecure_upstream: bool
    upstream_ca: tuple[str, ...]
    with_ways_in: Callable[[Settings], Settings]  # what is set before, overruled by the options
    with_ways_out: Callable[[Settings], Settings]  # what is set before, overruled by the options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}. See {self.prog} --help.")


def run(arguments: list[str], open_window: Callable[[WindowOptions], int]) -> int:
    """Carry out a command line (without the program's name); returns the exit status.

    `open_window` is the window's main function: it is handed in, since nothing here may know the window.
    """
    try:
        options = _parser_for(arguments).parse_args(arguments)
        if options.run is None:
            return open_window(_window_options(options))
        return int(options.run(options))
    except UsageError as error:
        complain(f"harrier: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception:
        return _say_own_fault(arguments)


def _say_own_fault(arguments: list[str]) -> int:
    """A command is a process, and its end a border: the traceback goes to the log, one line to the terminal."""
    from proxy_core.fault_log import caught, fault_log_path, open_fault_log
    from proxy_core.home import HomeError, open_home

    if not fault_log_path():
        try:
            options = _parser_for(arguments).parse_args(arguments)
            open_fault_log(open_home(options.home).log, command_of(arguments) or "window")
        except (HomeError, UsageError):
            pass  # then the traceback is printed: it is nowhere else
    caught("the command line")
    return 1


def command_of(arguments: list[str]) -> str | None:
    """The command that a command line names, None for the window: that takes files, and a file wins over a command."""
    words = iter(arguments)
    for word in words:
        if word == "--home":
            next(words, None)
        elif not word.startswith("-"):
            return word if word in COMMANDS and not os.path.isfile(word) else None
    return None


def _parser_for(arguments: list[str]) -> argparse.ArgumentParser:
    return _window_parser() if command_of(arguments) is None else _command_parser()


def _window_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="harrier",
        description="A desktop HTTP(S) debugging proxy. Without a command it opens the window.",
        epilog="Commands without a window: record, convert, ca. See `harrier COMMAND --help`.",
        allow_abbrev=False,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a .harrier or .har file to open")
    parser.add_argument("--version", action="version", version=f"Harrier {VERSION}")
    _add_engine_options(parser)
    _add_home(parser)
    parser.set_defaults(run=None)
    return parser


def _command_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="harrier", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"Harrier {VERSION}")
    _add_home(parser)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    record = commands.add_parser("record", help="record without a window", allow_abbrev=False)
    _add_engine_options(record)
    _add_home(record, again=True)
    record.add_argument("--capture", metavar="FILE.harrier", help="the capture to write; it lies beside it meanwhile")
    record.add_argument("--har", metavar="FILE.har", help="the HAR file to write at the end")
    record.add_argument("--duration", type=_seconds, metavar="SECONDS", help="end by itself after this time")
    record.add_argument(
        "--no-interception", action="store_true", help="leave all TLS undecrypted (tunnels, listed with their sizes)"
    )
    record.add_argument(
        "--dont-intercept", action="append", default=[], metavar="HOST", help="leave this host undecrypted (globs)"
    )
    add_acting(record)
    record.set_defaults(run=_run_record)
    convert = commands.add_parser("convert", help="convert between .harrier and .har", allow_abbrev=False)
    convert.add_argument("source", metavar="IN")
    convert.add_argument("target", metavar="OUT")
    _add_home(convert, again=True)
    convert.set_defaults(run=_run_convert)
    ca = commands.add_parser("ca", help="where the CA is, its fingerprint; export its certificate", allow_abbrev=False)
    ca.add_argument("--export", metavar="FILE.pem", help="write the certificate there, to import it elsewhere")
    _add_home(ca, again=True)
    ca.set_defaults(run=_run_ca)
    return parser


def _add_home(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """--home may stand before and behind the command."""
    default = argparse.SUPPRESS if again else None
    parser.add_argument("--home", metavar="DIR", default=default, help="where the CA, settings and captures lie")


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=_worker_count, metavar="N", help="processes that relay; default: the cores")
    parser.add_argument("--insecure-upstream", action="store_true", help="don't verify upstream certificates")
    parser.add_argument(
        "--upstream-ca",
        action="append",
        default=[],
        metavar="FILE.pem",
        help="trust these upstream CAs too. May come several times",
    )
    parser.add_argument(
        "--after-refusals",
        choices=("ask", "pass"),
        help="a client that refuses the certificate again and again: offer to pass its host on unread, or do it",
    )
    add_ways_in(parser)
    add_ways_out(parser)


def _worker_count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"«{text}» is no number of workers from 1 to 64")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"«{text}» is no number of seconds")
    return seconds


def _window_options(options: argparse.Namespace) -> WindowOptions:
    for file in options.files:
        if not os.path.exists(file) and not os.path.exists(file + ".live"):
            raise UsageError(f"There is no file {file}.")
    _check_upstream_ca(options.upstream_ca)
    _with_ways_in(options, Settings(), needs_port=True)
    _with_ways_out(options, Settings())
    return WindowOptions(
        home=options.home,
        files=tuple(options.files),
        workers=options.workers,
        insecure_upstream=options.insecure_upstream,
        upstream_ca=tuple(map(os.path.abspath, options.upstream_ca)),
        with_ways_in=partial(_with_ways_in, options, needs_port=True),
        with_ways_out=partial(_with_ways_out, options),
    )


def _with_ways_in(options: argparse.Namespace, settings: Settings, *, needs_port: bool) -> Settings:
    try:
        return apply_ways_in(settings, options, needs_port=needs_port)
    except WayInError as error:
        raise UsageError(f"{error}.") from None


def _with_ways_out(options: argparse.Namespace, settings: Settings) -> Settings:
    if options.after_refusals is not None:
        settings = msgspec.structs.replace(settings, after_refusals=options.after_refusals)
    try:
        return apply_ways_out(settings, options)
    except WayError as error:
        raise UsageError(str(error)) from None


def _check_upstream_ca(paths: list[str]) -> None:
    for path in paths:
        if not os.path.isfile(path):
            raise UsageError(f"There is no file {path} to trust: check --upstream-ca.")


def _acting(options: argparse.Namespace) -> RuleSettings:
    try:
        return acting_settings(options)
    except ActingError as error:
        raise UsageError(str(error)) from None


def _run_record(options: argparse.Namespace) -> int:
    from proxy_core.engine_entry import SWITCH_INTERVAL_S, Engine, EngineError, ListenError
    from proxy_core.fault_log import open_fault_log
    from proxy_core.home import LIVE_SUFFIX, HomeError, open_home
    from proxy_core.rules_in_force import rules_problem

    _check_upstream_ca(options.upstream_ca)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    for target in (options.capture, options.har):
        if target and not os.path.isdir(os.path.dirname(os.path.abspath(target))):
            raise UsageError(f"There is no folder {os.path.dirname(os.path.abspath(target))} for {target}.")
    settings = Settings(
        workers=options.workers or 0,
        interception=not options.no_interception,
        not_intercepted=tuple(options.dont_intercept),
        insecure_upstream=options.insecure_upstream,
        upstream_ca=tuple(map(os.path.abspath, options.upstream_ca)),
        rules=_acting(options),
    )
    if problem := rules_problem(settings.rules):
        raise UsageError(problem)
    settings = _with_ways_in(options, settings, needs_port=False)
    settings = _with_ways_out(options, settings)
    try:
        folder = os.path.abspath(options.capture) + LIVE_SUFFIX if options.capture else None
        if folder is not None and os.path.exists(folder):
            raise UsageError(
                f"{folder} lies there from a recording that did not end in order: "
                f"`harrier convert {options.capture} FILE.har` reads it; then move it away."
            )
        home = open_home(options.home)
        open_fault_log(home.log, "record")
        engine = Engine(settings, home, folder)
        engine.start()
    except ListenError as error:
        raise UsageError(f"{error} Choose another address with --listen HOST:PORT.") from None
    except (EngineError, HomeError) as error:
        raise UsageError(str(error)) from None
    _stop_on_signals(engine.stop)  # before anybody knows that there is something to stop
    _say_where(engine.listeners, has_users=bool(settings.ways_in.users_file))
    _serve(engine, options.duration)
    status = 0
    if engine.problem:
        complain(f"harrier: {engine.problem}")
        status = 1
    is_whole = True
    if engine.recording_failure:
        status = 1
        is_whole = _mend(engine.capture_folder)
    _finish(engine.capture_folder, options.capture, options.har, keeps_live=not is_whole)
    return status


def _say_where(listeners: "Sequence[Listener]", *, has_users: bool) -> None:
    for listener in listeners:
        point = listener.point
        origin = f" for {point.origin.text}" if point.origin is not None else ""
        say(f"listening on {point.place if point.path else f'http://{point.place}'}{origin}")
    for listener in listeners:
        point = listener.point
        if not point.path and not has_users and is_open_to_others(point.host):
            complain(
                f"harrier: {bracketed(point.host)} is open to everybody who can reach this computer: they can go "
                "anywhere through it, as you. Without --listen only this computer can."
            )


def _stop_on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop())


def _serve(engine: "object", duration_s: float | None) -> None:
    from proxy_core.engine_entry import Engine

    assert isinstance(engine, Engine)
    timer = None
    if duration_s is not None:
        timer = threading.Timer(duration_s, engine.stop)
        timer.daemon = True
        timer.start()
    engine.run()
    if timer is not None:
        timer.cancel()


def _mend(folder: str) -> bool:
    """Take in what a recorder that has failed left in the journals; whether that could be done."""
    from proxy_core.capture.reader import CaptureError
    from proxy_core.capture.recovery import recover
    from proxy_core.fault_log import caught

    reason = ""
    try:
        recover(folder)
    except CaptureError as error:
        reason = str(error)
    except Exception:  # what ended the recording may do it again
        reason = caught("mending a capture")
    if reason:
        complain(f"harrier: {reason} What the index does not hold lies in {folder}.")
    return not reason


def _finish(folder: str, capture: str | None, har: str | None, *, keeps_live: bool) -> None:
    """Write the files that were asked for. Raises UsageError when one of them can't be.

    The capture comes first, and the live one goes when the single file is whole: whatever becomes of the HAR (a body
    that can't be decoded, a disk that fills up), what was recorded is saved. What could not be read of it stays beside
    the file.
    """
    problems: list[str] = []
    where = folder
    if capture:
        try:
            _save(folder, capture)
        except UsageError as error:
            problems.append(str(error))
        else:
            where = capture
            if not keeps_live:
                _remove_live(folder, capture)
    if har:
        try:
            _export(where, har)
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError(f"{' '.join(problems)} The capture is in {where}.")


def _remove_live(folder: str, capture: str) -> None:
    from proxy_core.capture.unread_events import UNREAD_NAME

    unread, kept = os.path.join(folder, UNREAD_NAME), f"{os.path.abspath(capture)}.{UNREAD_NAME}"
    if os.path.lexists(unread):
        try:
            os.replace(unread, kept)
        except OSError:
            return  # then it stays where it is
        complain(f"harrier: {unread} is now {kept}.")
    shutil.rmtree(folder, ignore_errors=True)


def _save(folder: str, capture: str) -> None:
    from proxy_core.capture.reader import CaptureError, CaptureReader
    from proxy_core.capture.saver import save_capture

    try:
        remarks: list[str] = []
        with closing(CaptureReader(folder)) as reader:
            save_capture(reader, capture, remarks=remarks)
    except CaptureError as error:
        raise UsageError(str(error)) from None
    if remarks:  # then the live capture holds more than was saved, and stays
        raise UsageError(f"{capture} is not whole. {' '.join(remarks)}")


def _export(capture: str, har: str) -> None:
    from proxy_core.capture.reader import CaptureError, CaptureReader
    from proxy_core.tasks.conversion_report import ConversionError
    from proxy_core.tasks.har_export import export_har

    try:
        remarks: list[str] = []
        with closing(CaptureReader(capture)) as reader:
            export_har(reader, har, remarks=remarks)
    except (CaptureError, ConversionError) as error:
        raise UsageError(str(error)) from None
    for remark in remarks:
        say(remark)


def _run_convert(options: argparse.Namespace) -> int:
    from proxy_core.tasks.conversion_report import ConversionError
    from proxy_core.tasks.convert import convert

    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, signal.default_int_handler)  # as Ctrl+C: no half file is left
    try:
        report = convert(options.source, options.target)
    except ConversionError as error:
        raise UsageError(str(error)) from None
    for sentence in report.repairs:
        say(sentence)
    say(f"{report.exchanges} exchanges written to {options.target}.")
    return 0


def _run_ca(options: argparse.Namespace) -> int:
    from proxy_core.certificate_authority import CertificateAuthority, CertificateAuthorityError
    from proxy_core.home import HomeError, open_home

    try:
        authority = CertificateAuthority.load_or_create(open_home(options.home).ca)
    except (CertificateAuthorityError, HomeError) as error:
        raise UsageError(str(error)) from None
    if options.export:
        try:
            with open(options.export, "wb") as file:
                file.write(authority.certificate_pem)
        except OSError as error:
            raise UsageError(f"{options.export} can't be written ({error.strerror}).") from None
    say(authority.name)
    say(f"certificate  {options.export or authority.certificate_path}")
    say(f"SHA-256      {authority.fingerprint}")
    say(f"valid until  {authority.not_after:%Y-%m-%d}")
    return 0
