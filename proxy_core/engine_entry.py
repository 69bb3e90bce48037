"""The composition root of the engine process: home, CA, capture, recorder, supervisor.

With a window it runs in a process of its own (`engine_main`), takes commands from one channel and puts notices into
another, and ends in order when the window is gone. `record` runs an `Engine` without a window in its own process.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.process import parent_process
from typing import assert_never

import msgspec

from proxy_core.capture.live import CaptureLock, create_live_capture, delete_live_capture
from proxy_core.capture.segment import segment_name
from proxy_core.capture.writer import INDEX_NAME, CaptureFullError, IndexWriter
from proxy_core.certificate_authority import CertificateAuthority, CertificateAuthorityError
from proxy_core.channel import Inlet, Outlet
from proxy_core.fault_log import caught, open_fault_log
from proxy_core.home import Home, HomeError, open_home
from proxy_core.listening import AddressError, Listener, close, listen
from proxy_core.model.command import (
    ApplySettings,
    ClearCapture,
    Command,
    ForgetCleared,
    RowsSeen,
    SetRecording,
    Stop,
    UndoClear,
    decode_command,
)
from proxy_core.model.notice import (
    CertificateRefused,
    EngineFailed,
    EngineStarted,
    EngineStopped,
    Notice,
    RecordingChanged,
    Remark,
    RuleFileState,
    RulesChanged,
    WorkerChanged,
    encode_notice,
)
from proxy_core.model.script import RunningScripts
from proxy_core.model.settings import Settings
from proxy_core.model.ways_in import UNIX
from proxy_core.model.ways_out import WayError, check_ways_out
from proxy_core.model.worker_command import ApplyRules, RotateSegments, WorkerCommand
from proxy_core.pac.service import PacService
from proxy_core.program_finder import ProgramFinder
from proxy_core.proxy_users import ProxyUsersError, read_proxy_users
from proxy_core.recorder import Recorder
from proxy_core.rules_in_force import RulesInForce, problem_text, scripts_of
from proxy_core.script_service import ScriptService
from proxy_core.supervisor import Supervisor, worker_count
from proxy_core.terminal import complain
from proxy_core.upstream_ca import UpstreamCaError, read_upstream_ca
from proxy_core.ways_out_files import check_files, key_log_remark

SWITCH_INTERVAL_S = 0.001
_PARENT_LOOK_S = 0.5


class EngineError(Exception):
    """The engine can't start: one sentence for a person."""


class ListenError(EngineError):
    """… because of the address that it shall listen on."""


class Engine:
    """A proxy that records. `start` it, `run` it until `stop` is called from another thread or a signal."""

    def __init__(
        self,
        settings: Settings,
        home: Home,
        capture_folder: str | None = None,
        publish: Callable[[Notice], None] | None = None,
    ) -> None:
        """`capture_folder` must not exist yet; by default a new one in the home folder."""
        self.settings = settings
        self.home = home
        self.capture_folder = capture_folder or home.new_capture()
        self._publish = publish
        self._acting = threading.Lock()
        self._acts = ApplyRules(0)
        self._applied = 0  # the version of the rules that all workers act by
        self.listeners: tuple[Listener, ...] = ()
        self.problem = ""  # why `run` returned on its own
        self.recording_failure = ""  # why the capture does not hold all of it; has been told when it happened

    @property
    def port(self) -> int:
        """Of the first place that it listens on."""
        return self.listeners[0].point.port

    def start(self) -> None:
        """Listen and serve from now on. Raises EngineError, and has then left nothing behind."""
        try:
            self.authority = CertificateAuthority.load_or_create(self.home.ca)
            for path in self.settings.upstream_ca:
                read_upstream_ca(path)  # the workers would go on without it
            check_ways_out(self.settings.ways_out)
            check_files(self.settings.ways_out)
            if self.settings.ways_in.users_file:
                read_proxy_users(self.settings.ways_in.users_file)  # they would let nobody in
            listeners = self.listeners = listen(self.settings)
        except AddressError as error:
            raise ListenError(str(error)) from None
        except (CertificateAuthorityError, UpstreamCaError, ProxyUsersError, WayError) as error:
            raise EngineError(str(error)) from None
        try:
            self._open_capture()
        except OSError as error:
            close(listeners)
            reason = error.strerror or error
            raise EngineError(f"The capture {self.capture_folder} can't be written ({reason}).") from None
        try:
            self._start_processes(listeners)
        except RuntimeError as error:
            self._recorder.stop()
            self._lock.release()
            delete_live_capture(self.capture_folder)
            raise EngineError(str(error)) from None
        self._remark_on_key_log()

    def _remark_on_key_log(self) -> None:
        if remark := key_log_remark(self.settings.ways_out):
            self._tell(remark)

    def _open_capture(self) -> None:
        create_live_capture(self.capture_folder)
        self._lock = CaptureLock(self.capture_folder)
        try:
            self._writer = IndexWriter(os.path.join(self.capture_folder, INDEX_NAME))
            self._writer.set_meta("created_at", str(int(time.time() * 1e6)))
        except CaptureFullError as error:
            raise OSError(0, str(error)) from None

    def _start_processes(self, listeners: tuple[Listener, ...]) -> None:
        self._recorder = Recorder(self._writer, self.capture_folder, self._tell_worker, self._publish, complain)
        first, *others = [listener.point for listener in listeners]
        self._rules = RulesInForce(self.settings.rules, self._apply_rules, self._rules_changed)
        self._pac = PacService(self._tell, self.settings.upstream_ca)
        self._programs = ProgramFinder(self._tell_worker)
        self._supervisor = Supervisor(
            self.settings,
            listeners,
            self.capture_folder,
            self.home.ca,
            self._recorder,
            self._worker_changed,
            connect_pac=self._pac.connection,
            find_programs=self._programs.ask,
            client_refuses=self._client_refuses,
            remarked=self._tell,
            take_turn=self._rules.take,
            rules_applied=self._rules_applied,
        )
        self._scripts = ScriptService(self._scripts_changed, self._tell)
        self._apply_rules(self._rules.rules)
        self._scripts.wait_loaded()
        try:
            self._supervisor.start()
        except RuntimeError:
            self._scripts.stop()
            self._pac.stop()
            self._recorder.start()  # for the caller to stop it
            raise
        self._programs.start()
        if self._publish is not None:
            self._publish(
                EngineStarted(
                    host=UNIX + first.path if first.path else first.host,
                    port=first.port,
                    wanted_port=self.settings.listen_port,
                    capture_path=self.capture_folder,
                    ca_certificate_path=self.authority.certificate_path,
                    ca_name=self.authority.name,
                    ca_fingerprint=self.authority.fingerprint,
                    ca_spki=self.authority.spki_sha256_base64,
                    workers=worker_count(self.settings),
                    also_listens=tuple(point.text for point in others),
                    has_users=bool(self.settings.ways_in.users_file),
                    reverse=first.origin.text if first.origin is not None else "",
                )
            )
            self._publish(RecordingChanged(self.settings.recording, "", 0))
        # Not before: what it tells of the new capture must not reach a window that still shows the one before.
        self._recorder.start()
        self._rules.start()

    def run(self) -> None:
        """Serve until `stop`; then finish the capture."""
        try:
            self._supervisor.run()
            self.problem = self._supervisor.problem
        except Exception:
            self.problem = caught("the supervisor")
        self._rules.stop()
        self._scripts.stop()
        self._pac.stop()
        self._programs.stop()
        self._recorder.stop()
        self.recording_failure = self._recorder.failure
        self._lock.release()

    def stop(self) -> None:
        """Make `run` return. Also from a signal handler."""
        self._supervisor.stop()

    def obey(self, command: Command) -> None:
        """Carry out an order of the window's."""
        match command:
            case ApplySettings(settings=settings):
                self._apply(settings)
            case SetRecording(on=on):
                self._apply(msgspec.structs.replace(self.settings, recording=on))
                self._recorder.recording_changed(on=on)
            case ClearCapture():
                self._clear()
            case UndoClear():
                self._recorder.undo_clear()
            case ForgetCleared():
                self._recorder.forget_cleared()
            case RowsSeen(number=number):
                self._recorder.rows_seen(number)
            case Stop():
                self.stop()
            case _:
                assert_never(command)

    def _apply(self, settings: Settings) -> None:
        old, self.settings = self.settings, settings
        self._pac.extra_ca = settings.upstream_ca
        self._supervisor.apply_settings(settings)
        self._rules.use(settings.rules)
        if settings.ways_out.keylog != old.ways_out.keylog:
            self._remark_on_key_log()

    def _clear(self) -> None:
        """Rows are left out at once; the old segments go with them when nobody wants them back any more."""

        def forgotten() -> None:
            for segment in self._recorder.unneeded_segments():
                try:
                    os.unlink(os.path.join(self.capture_folder, segment_name(segment)))
                except OSError:
                    pass  # another system keeps files that are open; they go with the capture

        self._recorder.clear(lambda: self._supervisor.tell(0, RotateSegments()), forgotten)

    def _tell_worker(self, series: int, command: WorkerCommand) -> None:
        self._supervisor.tell(series, command)

    def _tell(self, text: str) -> None:
        """A sentence about what goes on without the engine's doing."""
        if self._publish is not None:
            self._publish(Remark(text))
        else:
            complain(f"harrier: {text}")

    def _apply_rules(self, rules: ApplyRules) -> None:
        self._scripts.use(scripts_of(rules))
        with self._acting:
            self._acts = msgspec.structs.replace(rules, scripts=self._acts.scripts)
            self._supervisor.apply_rules(self._acts)

    def _scripts_changed(self, running: RunningScripts) -> None:
        with self._acting:
            self._acts = msgspec.structs.replace(self._acts, scripts=running)
            self._supervisor.apply_rules(self._acts)

    def _rules_changed(self, states: tuple[RuleFileState, ...]) -> None:
        if self._publish is not None:
            self._publish(RulesChanged(states, self._rules.rules.version, self._applied))
            return
        for state in states:
            if state.problem:
                complain(f"harrier: {problem_text(state)}")

    def _rules_applied(self, version: int) -> None:
        """Every worker acts by this version."""
        self._applied = version
        if self._publish is not None:
            self._rules_changed(self._rules.states())

    def _client_refuses(self, host: str) -> None:
        """Without a window nobody can answer; the row says it all the same."""
        if self._publish is not None:
            self._publish(CertificateRefused(host))

    def _worker_changed(self, text: str, alive: int) -> None:
        if self._publish is not None:
            self._publish(WorkerChanged(text, alive))
        else:
            complain(text)  # without a window the terminal is told


def engine_main(settings: Settings, home_path: str, commands: Inlet, notices: Outlet) -> None:
    """The engine process of a window: until it says stop or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal's group: the window decides
    sys.setswitchinterval(SWITCH_INTERVAL_S)

    def publish(notice: Notice) -> None:
        try:
            notices.put(encode_notice(notice))
        except Exception:  # it is told in the threads of others, whom that must not harm
            caught(f"telling the window {type(notice).__name__}")

    try:
        home = open_home(home_path)
        open_fault_log(home.log, "engine")
        engine = Engine(settings, home, publish=publish)
        engine.start()
    except (EngineError, HomeError) as error:
        publish(EngineFailed(str(error)))
        notices.close()
        return
    except Exception:
        publish(EngineFailed(caught("the engine's start")))
        notices.close()
        return
    signal.signal(signal.SIGTERM, lambda _number, _frame: engine.stop())
    is_running = threading.Event()
    is_running.set()
    obeying = threading.Thread(target=obey_all, args=(engine, commands, is_running), name="commands", daemon=True)
    obeying.start()
    engine.run()
    is_running.clear()
    if engine.problem:
        publish(EngineFailed(engine.problem))
    publish(EngineStopped())
    if _is_orphan():
        notices.abandon()
    else:
        notices.close()
    obeying.join(5.0)


def obey_all(engine: Engine, commands: Inlet, is_running: threading.Event) -> None:
    """Obey the window; its death is a command to stop."""
    while is_running.is_set():
        try:
            data = commands.get(_PARENT_LOOK_S)
        except (EOFError, OSError):  # only the window's death closes the channel
            engine.stop()
            return
        except Exception:
            caught("hearing the window")
            continue
        if data is not None:
            try:
                engine.obey(decode_command(data))
            except Exception:  # one order that can't be carried out costs that order
                caught("obeying the window")
        elif _is_orphan():
            engine.stop()
            return


def _is_orphan() -> bool:
    parent = parent_process()
    return parent is not None and not parent.is_alive()
