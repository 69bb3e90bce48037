"""Having a script's hooks see an exchange, and doing what they have done to it.

A script is asked only where it has a hook that wants this exchange: by the hook's name, its condition, and whether it
waits for the body.
"""

import os
from typing import Any

from proxy_core.engine.acting.deed import PASS, Deed, Making, Turn
from proxy_core.engine.acting.script_link import ScriptGoneError, ScriptLink
from proxy_core.engine.exchange.point import Abort, Answer, Decision, Replace
from proxy_core.model.condition import Condition
from proxy_core.model.effects.effect import Point
from proxy_core.model.effects.run_script import RunScript
from proxy_core.model.filter import FilterError
from proxy_core.model.message import Message

_AT_HEAD = {Point.REQUEST_HEAD: "requestheaders", Point.RESPONSE_HEAD: "responseheaders"}
_WHOLE = {
    Point.REQUEST_HEAD: "request",
    Point.REQUEST_BODY: "request",
    Point.RESPONSE_HEAD: "response",
    Point.RESPONSE_BODY: "response",
}


class ScriptDeed(Deed):
    """One file's."""

    def __init__(self, effect: RunScript, making: Making) -> None:
        self._path = os.path.join(making.folder, effect.file)
        self._name = os.path.basename(effect.file)
        self._fails = effect.on_problem == "fail"
        self._link: ScriptLink | None = making.scripts
        script = self._link.script(self._path) if self._link is not None else None
        self._hooks: dict[Point, list[tuple[int, Condition]]] = {point: [] for point in _WHOLE}
        for number, hook in enumerate(script.hooks if script is not None else ()):
            try:
                condition = Condition(hook.when)
            except FilterError:
                continue  # `ScriptService` has said so
            for point, whole in _WHOLE.items():
                is_due = hook.name == _AT_HEAD.get(point) or (hook.name == whole and hook.body != (point in _AT_HEAD))
                if is_due and condition.point <= point:
                    self._hooks[point].append((number, condition))
        self.wants_request_body = bool(self._hooks[Point.REQUEST_BODY])
        self.wants_response_body = bool(self._hooks[Point.RESPONSE_BODY])

    def at_request_head(self, request: Message, turn: Turn) -> Decision:
        return self._ask(Point.REQUEST_HEAD, request, turn)

    def at_request_body(self, request: Message, turn: Turn) -> Decision:
        return self._ask(Point.REQUEST_BODY, request, turn)

    def at_response_head(self, response: Message, turn: Turn) -> Decision:
        return self._ask(Point.RESPONSE_HEAD, response, turn)

    def at_response_body(self, response: Message, turn: Turn) -> Decision:
        return self._ask(Point.RESPONSE_BODY, response, turn)

    def _ask(self, point: Point, message: Message, turn: Turn) -> Decision:
        response = message if point.is_of_response else None
        received = turn.received_request
        hooks = [number for number, condition in self._hooks[point] if condition.is_met(received, response)]
        if not hooks or self._link is None:
            return PASS
        bodies = [message.body] if message.body is not None else []
        head: dict[str, Any] = {
            "key": str(turn.report.key),
            "script": self._path,
            "hooks": hooks,
            "request": _told_request(received if response is not None else message),
            "response": _told_response(response) if response is not None else None,
        }
        (head["response"] if response is not None else head["request"])["body"] = 0 if bodies else None
        try:
            done, made = self._link.call(head, bodies)
        except ScriptGoneError as gone:
            return self._problem(message, turn, str(gone))
        if "error" in done:
            place = os.path.basename(done["error"]["place"])
            return self._problem(message, turn, f"{done['error']['text']}{f' ({place})' if place else ''}")
        return self._decision(message, turn, done, made)

    def _decision(self, message: Message, turn: Turn, done: dict[str, Any], made: list[bytes]) -> Decision:
        if done.get("kill"):
            turn.say(f"{self._name} cut it off")
            return Abort(f"The script {self._name} cut the exchange off.")
        if message.status:
            if "response" not in done:
                return PASS
            turn.say(f"{self._name} changed the response")
            return Replace(_with_response(message, done["response"], made))
        if "response" in done:
            turn.say(f"{self._name} answered")
            answer = _with_response(message, done["response"], made)
            return Answer(answer._replace(body=answer.body if "body" in done["response"] else b""))
        if "request" not in done:
            return PASS
        turn.say(f"{self._name} changed the request")
        told = done["request"]
        return Replace(
            message._replace(
                method=_bytes(told["method"]),
                scheme=told["scheme"],
                host=told["host"],
                port=told["port"],
                target=_bytes(told["target"]),
                fields=_fields(told),
                body=made[told["body"]] if "body" in told else message.body,
            )
        )

    def _problem(self, message: Message, turn: Turn, text: str) -> Decision:
        turn.fail(f"{self._name}: {text}")
        if not self._fails:
            return PASS
        body = f"Harrier was to have the script {self._name} decide, which failed: {text}.".encode("utf-8", "replace")
        fields = ((b"Content-Type", b"text/plain; charset=utf-8"),)
        return Answer(message._replace(status=502, fields=fields, body=body))


def _told_request(request: Message) -> dict[str, Any]:
    return {
        "method": _text(request.method),
        "scheme": request.scheme,
        "host": request.host,
        "port": request.port,
        "target": _text(request.target),
        "fields": [[_text(name), _text(value)] for name, value in request.fields],
        "body": None,
    }


def _told_response(response: Message) -> dict[str, Any]:
    fields = [[_text(name), _text(value)] for name, value in response.fields]
    return {"status": response.status, "fields": fields, "body": None}


def _with_response(message: Message, told: dict[str, Any], made: list[bytes]) -> Message:
    body = made[told["body"]] if "body" in told else message.body
    return message._replace(status=told["status"], fields=_fields(told), body=body)


def _fields(told: dict[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((_bytes(name), _bytes(value)) for name, value in told["fields"])


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
