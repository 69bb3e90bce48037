"""A worker: the composition root of one gevent process. It takes connections, obeys commands, and ends with the engine.

It holds nothing that another process needs: what it knows of an exchange lies in its journal.
"""

import gc
import socket
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import assert_never

import gevent
import gevent.event
import gevent.queue

from proxy_core.capture.journal import Journal
from proxy_core.certificate_authority import CertificateAuthority
from proxy_core.engine.acting.rule_book import RuleBook
from proxy_core.engine.acting.script_link import ScriptLink
from proxy_core.engine.acting.turns import Turns
from proxy_core.engine.exchange.services import Services
from proxy_core.engine.limits import Limits
from proxy_core.engine.links.link import Link
from proxy_core.engine.links.transport import DeadlineSweep, Transport
from proxy_core.engine.reception.intake import Intake
from proxy_core.engine.reception.serving import serve_client
from proxy_core.engine.recording.outbox import EventSink
from proxy_core.engine.recording.programs import Programs
from proxy_core.engine.recording.reporter import Reporter
from proxy_core.engine.sides.spoken import SPOKEN
from proxy_core.engine.trust.admission import admission_of
from proxy_core.engine.trust.certificates import LeafCertificates
from proxy_core.engine.trust.upstream_trust import UpstreamTrust
from proxy_core.engine.upstream.connection import UpstreamOpener
from proxy_core.engine.upstream.own_address import OwnAddress
from proxy_core.engine.upstream.pac_questions import PacQuestions
from proxy_core.fault_log import caught, told
from proxy_core.frame import Frames, frame
from proxy_core.listening import Listener
from proxy_core.model.refusals import Pair, Refusals
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import Origin
from proxy_core.model.worker_command import (
    ApplyRules,
    BytesTaken,
    ClientRefuses,
    ProgramsFound,
    RefusalsCounted,
    RefusalSeen,
    RotateSegments,
    RulesApplied,
    StopServing,
    SuspendRecording,
    TakeTurn,
    TurnGiven,
    UseSettings,
    WorkerCommand,
    WorkerReady,
    WorkerRemarks,
    WorkerWord,
    decode_worker_command,
    encode_word,
)
from proxy_core.worker_loads import WorkerLoads
from proxy_core.worker_start import WorkerStart

_LOOKUP_THREADS = 20
_NEVER_S = float(2**31)
_UNSAID_LIMIT = 64  # words that the engine is too busy to hear


class Worker:
    """Serves connections with the services that it wires together."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        journal: Journal,
        events: EventSink,
        authority: CertificateAuthority,
        settings: Settings,
        limits: Limits | None = None,
        intake_loads: tuple[WorkerLoads, int] | None = None,
        pac: socket.socket | None = None,
        programs: Programs | None = None,
        ask_person: Callable[[str], None] | None = None,
        remark: Callable[[str], None] | None = None,
        tell_refusal: Callable[[Pair, bool], None] | None = None,
        pseudonym: bytes = b"",
        ask_turn: Callable[[int, str, int], None] | None = None,
    ) -> None:
        """Takes over the listeners, the journal and `pac`, the way to who evaluates PAC files. `pseudonym` is by what
        name other proxies are told of us. Nothing runs before `start`.
        """
        limits = limits or Limits()
        reporter = Reporter(journal, events)
        reporter.is_recording = settings.recording
        sweep = DeadlineSweep()
        self._pac = PacQuestions(Transport(pac, sweep, _NEVER_S, _NEVER_S)) if pac is not None else None
        self._opener = UpstreamOpener(
            [OwnAddress(each.sock) for each in listeners],
            settings.ways_out,
            UpstreamTrust(settings, authority),
            limits,
            sweep,
            reporter,
            SPOKEN,
            self._pac,
            pseudonym,
        )
        self.services = Services(
            settings=settings,
            limits=limits,
            reporter=reporter,
            sweep=sweep,
            opener=self._opener,
            certificates=LeafCertificates(authority, keylog=settings.ways_out.keylog),
            admission=admission_of(settings),
            programs=programs,
            ask_person=ask_person,
            pseudonym=pseudonym,
            refusals=Refusals(tell_refusal),
        )
        loads, slot = intake_loads or (None, 0)
        self._intakes = [
            Intake(each.sock, partial(self._serve, each.point.origin), loads, slot, remark) for each in listeners
        ]
        self.stopped = gevent.event.Event()
        self._grace_s = 1.0
        self._turns = Turns(ask_turn)
        self._scripts: ScriptLink | None = None

    @property
    def serves(self) -> int:
        """How many client connections it serves."""
        return sum(len(intake.serving) for intake in self._intakes)

    def start(self) -> None:
        """Accept connections from now on."""
        gevent.get_hub().threadpool.maxsize = _LOOKUP_THREADS
        self.services.sweep.start()
        self.services.reporter.start()
        for intake in self._intakes:
            intake.start()

    def obey(self, command: WorkerCommand) -> None:
        """Carry out one command of the engine's."""
        services = self.services
        match command:
            case UseSettings(settings=settings):
                old = services.settings
                services.settings = settings
                if _whom_to_trust(old) != _whom_to_trust(settings):
                    self._opener.trust = UpstreamTrust(settings, services.certificates.authority)
                if old.ways_in.users_file != settings.ways_in.users_file:
                    services.admission = admission_of(settings)
                if old.ways_out != settings.ways_out:
                    self._opener.follow(settings.ways_out)
                if old.ways_out.keylog != settings.ways_out.keylog:
                    services.certificates.log_keys_to(settings.ways_out.keylog)
                services.reporter.is_recording = settings.recording
            case BytesTaken(count=count):
                services.reporter.outbox.bytes_taken(count)
            case RotateSegments():
                services.reporter.rotate()
            case SuspendRecording(on=on):
                services.reporter.full_disk.suspend(on=on)
            case ProgramsFound(found=found):
                if services.programs is not None:
                    services.reporter.tell_again(services.programs.answer(found))
            case RefusalsCounted(rows=rows):
                for pair, number in rows:
                    services.refusals.take(pair, number)
            case ApplyRules():
                self.apply_rules(command)
            case TurnGiven(number=number, is_given=is_given):
                self._turns.given(number, is_given=is_given)
            case StopServing(grace_s=grace_s):
                self._grace_s = grace_s
                self.stopped.set()
            case _:
                assert_never(command)

    def apply_rules(self, rules: ApplyRules) -> None:
        """Have these act on every exchange that begins from now on."""
        old = self._scripts
        if not rules.scripts.address:
            self._scripts = None
        elif old is None or old.running != rules.scripts:
            self._scripts = ScriptLink(rules.scripts)
        if old is not None and (self._scripts is None or self._scripts.running.address != old.running.address):
            old.close()
        book = RuleBook(rules.version, rules.groups, self._turns.take, self._scripts)
        self.services.points = book.begin if book.rules else None
        self.services.leads_elsewhere = book.leads_elsewhere if book.rules else None

    def stop(self) -> None:
        """Accept no more, let what is under way end within the grace, write down the rest."""
        for intake in self._intakes:
            intake.stop()
        for say_goodbye in list(self.services.when_stopping):
            say_goodbye()
        serving = [greenlet for intake in self._intakes for greenlet in intake.serving]
        gevent.joinall(serving, timeout=self._grace_s)
        gevent.killall(serving)
        self.services.reporter.stop()
        self.services.sweep.stop()
        if self._pac is not None:
            self._pac.close()

    def _serve(self, origin: Origin | None, sock: socket.socket) -> None:
        limits = self.services.limits
        try:
            link = Transport(sock, self.services.sweep, limits.idle_s, limits.client_write_s)
        except OSError:
            sock.close()  # gone before it was served
            return
        try:
            serve_client(self.services, link, origin)
        finally:
            link.close()


def _whom_to_trust(settings: Settings) -> tuple[object, ...]:
    return settings.insecure_upstream, settings.upstream_ca, settings.ways_out


def run_worker(start: WorkerStart) -> None:
    """Be a worker until the engine says stop or is gone. Raises OSError or a CA error when it can't begin."""
    authority = CertificateAuthority.load(start.ca_folder)
    programs = Programs()
    words: gevent.queue.Queue[WorkerWord] = gevent.queue.Queue(_UNSAID_LIMIT)
    worker = Worker(
        start.listeners,
        Journal(start.capture_folder, start.series),
        start.events,
        authority,
        start.settings,
        intake_loads=(start.loads, start.slot),
        pac=start.pac,
        programs=programs,
        ask_person=partial(_say, words, ClientRefuses),
        remark=partial(_say, words, WorkerRemarks),
        tell_refusal=partial(_say, words, RefusalSeen),
        pseudonym=start.pseudonym,
        ask_turn=partial(_ask_turn, words),
    )
    worker.apply_rules(start.rules)
    log_what_nobody_catches()
    control = Transport(start.control, worker.services.sweep, _NEVER_S, _NEVER_S)
    worker.start()
    # What lives until the end needs no second look by the collector, and pages shared by fork-servers stay shared.
    gc.collect()
    gc.freeze()
    control.send(frame(encode_word(WorkerReady())))
    control.send(frame(encode_word(RulesApplied(start.rules.version))))
    obeying = gevent.spawn(partial(obey_all, worker, control, partial(_say_applied, words)))
    asking = gevent.spawn(partial(_ask_all, programs, words))
    saying = gevent.spawn(partial(_say_all, words, control))
    try:
        worker.stopped.wait()
    finally:
        gevent.killall((obeying, asking, saying))
        worker.stop()
        control.close()


def log_what_nobody_catches() -> None:
    """What a greenlet or a callback of the event loop raises goes to the log; the loop goes on."""
    hub = gevent.get_hub()
    usual = hub.handle_error
    hub.exception_stream = None  # it would print what is in the log

    def handle_error(
        context: object,
        kind: type[BaseException] | None,
        error: BaseException | str | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            told(f"a greenlet ({str(context)[:200]})", error)
        usual(context, kind, error, trace)

    hub.handle_error = handle_error  # type: ignore[method-assign, assignment] # gevent's documented way


def obey_all(worker: Worker, control: Link, applied: Callable[[int], None] | None = None) -> None:
    """Obey until the engine is gone, which is a command to stop too. `applied` says that rules are in force."""
    frames = Frames()
    try:
        while data := control.receive():
            for message in frames.feed(data):
                _obey(worker, message, applied)
    except OSError:
        pass
    worker.stopped.set()


def _ask_all(programs: Programs, words: "gevent.queue.Queue[WorkerWord]") -> None:
    """Ask which programs our clients are, as long as there are any."""
    while True:
        words.put(programs.next_question())


def _say(words: "gevent.queue.Queue[WorkerWord]", word: Callable[..., WorkerWord], *what: object) -> None:
    """Traffic doesn't wait: what there is no room for is said when it happens again."""
    try:
        words.put_nowait(word(*what))
    except gevent.queue.Full:
        pass


def _say_all(words: "gevent.queue.Queue[WorkerWord]", control: Link) -> None:
    """Say word after word until the engine is gone."""
    try:
        while True:
            control.send(frame(encode_word(words.get())))
    except OSError:
        pass


def _say_applied(words: "gevent.queue.Queue[WorkerWord]", version: int) -> None:
    """What the panel waits for is not dropped: there is room for it soon."""
    words.put(RulesApplied(version))


def _ask_turn(words: "gevent.queue.Queue[WorkerWord]", number: int, rule: str, times: int) -> None:
    """The exchange waits for the answer anyway, so for room, too."""
    words.put(TakeTurn(number, rule, times))


def _obey(worker: Worker, message: bytes, applied: Callable[[int], None] | None) -> None:
    try:
        command = decode_worker_command(message)
        worker.obey(command)
        if applied is not None and isinstance(command, ApplyRules):
            applied(command.version)
    except Exception:  # one command that can't be carried out costs that command
        caught("obeying the engine")
