"""The rules that the engine has its workers act by: read from files, watched, numbered, and counted.

A thread looks at the files once a second, so that whoever edits one with an editor of theirs sees what it does. A file
that can't be read, or is none of rules, keeps its last good rules in force, and it is said why. How often a rule with
`times` has acted is counted here, over all workers: they ask.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from proxy_core.fault_log import caught
from proxy_core.formats.rule_file import LONGEST_FILE, RuleFileError, read_rules
from proxy_core.model.effects.run_script import RunScript
from proxy_core.model.notice import RuleFileState
from proxy_core.model.rule import Rule, RuleGroup
from proxy_core.model.settings import RuleSettings
from proxy_core.model.worker_command import ApplyRules

LOOK_S = 1.0
_Stamp = tuple[int, int, int]  # of a file: changed at, size, which


@dataclass(slots=True)
class _File:
    path: str
    name: str
    stamp: _Stamp | None = None
    is_read: bool = False
    group: RuleGroup | None = None  # the last good one
    problem: str = ""
    line: int = 0
    column: int = 0


class RulesInForce:
    """Methods may be called from any thread."""

    def __init__(
        self,
        settings: RuleSettings,
        apply: Callable[[ApplyRules], None],
        changed: Callable[[tuple[RuleFileState, ...]], None],
    ) -> None:
        """`apply` tells the workers, `changed` whoever wants to know how the files are; both never wait."""
        self._settings = settings
        self._apply = apply
        self._changed = changed
        self._files: list[_File] = []
        self._taken: dict[str, int] = {}
        self._version = 0
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rules", daemon=True)
        self.rules = ApplyRules(0)
        self._take_files()

    def start(self) -> None:
        """Watch the files from now on."""
        self._changed(self.states())
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def states(self) -> tuple[RuleFileState, ...]:
        """How each file is."""
        return tuple(RuleFileState(each.path, each.name, each.problem, each.line, each.column) for each in self._files)

    def use(self, settings: RuleSettings) -> None:
        """Other files or switches. A rule that is switched on again may act as often as it says again."""
        with self._lock:
            if settings == self._settings:
                return
            for rule in {*self._settings.switched, *settings.switched}:
                if self._settings.switched.get(rule) != settings.switched.get(rule):
                    self._taken.pop(rule, None)
            self._settings = settings
            self._take_files()
            self._tell()

    def look(self) -> None:
        """Read what has changed, and put it in force."""
        with self._lock:
            if self._take_files():
                self._tell()

    def take(self, rule: str, times: int) -> bool:
        """Whether a rule that acts `times` times acts once more; counted if so."""
        with self._lock:
            taken = self._taken.get(rule, 0)
            if taken >= times:
                return False
            self._taken[rule] = taken + 1
            return True

    def _watch(self) -> None:
        while not self._is_over.wait(LOOK_S):
            try:
                self.look()
            except Exception:  # a border: the rules that are in force stay so
                caught("looking at the files of rules")

    def _tell(self) -> None:
        self._apply(self.rules)
        self._changed(self.states())

    def _take_files(self) -> bool:
        """Read what has changed; whether anything has."""
        old = {each.path: each for each in self._files}
        names: set[str] = set()
        files = []
        for path in self._settings.files:
            known = old.get(path)
            name = _unique(os.path.splitext(os.path.basename(path))[0] or "rules", names)
            files.append(known if known is not None and known.name == name else _File(path, name))
        is_new = [id(each) for each in files] != [id(each) for each in self._files]
        self._files = files
        has_changed = False
        for each in files:  # every one, whatever came of those before it
            has_changed |= _read(each)
        settings = self._settings
        groups = tuple(_switched(each.group, settings) for each in files if each.group is not None)
        if settings.scripts:
            groups = (*groups, _of_scripts(settings.scripts))
        if not settings.on:
            groups = ()
        if groups != self.rules.groups:
            self._version += 1
            self.rules = ApplyRules(self._version, groups)
            return True
        return is_new or has_changed


def problem_text(state: RuleFileState) -> str:
    """What is wrong with a file, with its place: «shop.toml, line 9, column 1: no key «hots»; did you mean host?»."""
    place = f", line {state.line:,}, column {state.column:,}" if state.line else ""
    return f"{state.path}{place}: {state.problem}"


def scripts_of(rules: ApplyRules) -> tuple[str, ...]:
    """The files of the scripts that rules name, each once."""
    found = [
        os.path.join(group.folder, effect.file)
        for group in rules.groups
        for rule in group.rules
        if not rule.off
        for effect in rule.effects
        if isinstance(effect, RunScript)
    ]
    return tuple(dict.fromkeys(found))


def rules_problem(settings: RuleSettings) -> str:
    """What is wrong with the first file that can't be used, "" when all can."""
    states = RulesInForce(settings, lambda _rules: None, lambda _states: None).states()
    return next((problem_text(state) for state in states if state.problem), "")


def _unique(name: str, names: set[str]) -> str:
    number, wanted = 1, name
    while name in names:
        number += 1
        name = f"{wanted} {number}"
    names.add(name)
    return name


def _of_scripts(paths: tuple[str, ...]) -> RuleGroup:
    """A rule for everything, for each script."""
    rules = [Rule(name=path, when="", effects=(RunScript(file=path),)) for path in paths]
    return RuleGroup(name="script", rules=tuple(rules))


def _switched(group: RuleGroup, settings: RuleSettings) -> RuleGroup:
    """With the person's switches, which overrule what the file says."""
    rules = []
    for rule in group.rules:
        is_on = settings.switched.get(group.id_of(rule), not rule.off)
        rules.append(msgspec.structs.replace(rule, off=not is_on) if is_on == rule.off else rule)
    return msgspec.structs.replace(group, rules=tuple(rules))


def _read(file: _File) -> bool:
    """Read a file if it is another than it was; whether that changed anything."""
    try:
        status = os.stat(file.path)
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        if file.is_read and stamp == file.stamp:
            return False
        if not os.path.isfile(file.path):
            raise OSError(0, "it is no file")
        with open(file.path, "rb") as opened:
            data = opened.read(LONGEST_FILE + 1)
        if len(data) > LONGEST_FILE:
            raise OSError(0, "it is too large")
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, UnicodeDecodeError):
            reason = "it is no text in UTF-8"
        problem = f"This file can't be read: {reason}."
        was = file.problem
        file.is_read, file.stamp, file.problem, file.line, file.column = True, None, problem, 0, 0
        return was != problem
    file.is_read, file.stamp = True, stamp
    try:
        file.group = read_rules(text.replace("\r\n", "\n"), file.name, os.path.dirname(os.path.abspath(file.path)))
        file.problem, file.line, file.column = "", 0, 0
    except RuleFileError as error:
        file.problem, file.line, file.column = error.text, error.line, error.column
    return True
