"""A Holdfast client for Python, written from SPEC.md alone: python-socketio with its defaults, and the rules of that page.

It is a check that the page is enough, and an example to write a client in another language from. It leaves out what a
product would add: an outbox that outlives the process, renewal of tokens, several edges to choose from.
"""

import random
import threading
import time
import uuid

import socketio


class Refused(Exception):
    """An answer `{ ok: false, error }` (err-1), or the `data` of a refused connection (connect-3)."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.error = error


RETRYABLE = {"out_of_order", "busy", "rate_limited", "unavailable", "draining", "internal"}  # err-2


def connect(url, token, *sessions):
    """Connects and opens the sessions, now and whenever python-socketio has made the connection again."""
    socket = socketio.Client()
    refusals = []
    socket.on("connect_error", refusals.append)
    socket.on("connect", lambda: [session.open(socket) for session in sessions])
    socket.on("welcome", lambda welcome: [session.welcome(welcome) for session in sessions])
    socket.on("frames", lambda name, frames: [session.take(frames) for session in sessions if session.name == name])
    try:
        # connect-1: WebSocket is the only transport. connect-2: the token goes into the CONNECT packet.
        socket.connect(url, auth={"token": token, "protocol": 1, "client": "python"}, transports=["websocket"])
    except socketio.exceptions.ConnectionError:
        if refusals and isinstance(refusals[0], dict) and "data" in refusals[0]:
            raise Refused(refusals[0]["data"]) from None
        raise
    return socket


def ask(socket, name, request):
    """One request and its answer (req-1); what may be repeated is, after the time the edge names (err-2)."""
    for attempt in range(8):
        answer = socket.call(name, request)
        if answer["ok"]:
            return answer
        error = answer["error"]
        if error["code"] not in RETRYABLE or error["code"] == "out_of_order":
            break
        time.sleep(error.get("retryAfterMs", random.uniform(0, 200 * 2**attempt)) / 1000)
    raise Refused(error)


class Session:
    """What a reader of one session holds: `view` as in snap-1, `last` its place in the log."""

    def __init__(self, name, agent=None):
        self.name = name
        self.agent = agent
        self.view = {"version": 0, "agent": "", "state": {}, "turns": [], "running": None, "applied": {}}
        self.last = None
        self.resumed = None
        self.producer = f"python-{uuid.uuid4().hex}"
        self.subject = None
        self._seq = 0
        self._socket = None
        self._early = {}
        self._changed = threading.Condition()

    def welcome(self, welcome):
        """connect-4: whose connection it is."""
        with self._changed:
            self.subject = welcome["subject"]
            self._changed.notify_all()

    def applied(self):
        """ack-2: the highest number of ours that a turn has taken."""
        return self.view["applied"].get(f"{self.subject}/{self.producer}", 0)

    def open(self, socket):
        self._socket = socket
        request = {"session": self.name}
        if self.agent is not None:
            request["agent"] = self.agent
        with self._changed:
            if self.last is not None:
                request.update(cursor=self.last, version=self.view["version"])
        self.resumed = ask(socket, "open", request)["resumed"]
        with self._changed:
            self._changed.notify_all()

    def send(self, text):
        """Returns when Temporal has it (ack-1); a repeat of the same number would do no harm (send-7)."""
        self._seq += 1
        events = [{"seq": self._seq, "kind": "input", "text": text}]
        ask(self._socket, "send", {"session": self.name, "producer": self.producer, "events": events})
        return self._seq

    def command(self, name, args, command_id):
        request = {"session": self.name, "id": command_id, "name": name, "args": args}
        return ask(self._socket, "command", request)["result"]

    def wait(self, is_so, seconds=60):
        with self._changed:
            if not self._changed.wait_for(lambda: is_so(self), seconds):
                raise TimeoutError(f"{self.name} holds {self.view}")

    def take(self, frames):
        """chain-1: only the frame whose `prev` is `last` is next. python-socketio hands each packet to a thread of its own,
        so what comes early waits for the one before it."""
        with self._changed:
            for frame in frames:
                if frame["type"] == "snapshot":
                    self.view, self.last = frame["snapshot"], frame["id"]
                else:
                    self._early[frame["prev"]] = frame
            while self.last in self._early:
                frame = self._early.pop(self.last)
                if not self._apply(frame):
                    self.last = None  # chain-3: a gap, which a snapshot mends
                    threading.Thread(target=self.open, args=[self._socket]).start()
                    break
                self.last = frame["id"]
            if self._early:
                threading.Timer(2, self._miss, [self.last]).start()
            self._changed.notify_all()

    def _miss(self, last):
        """chain-3: what should come after `last` has not come."""
        with self._changed:
            is_missing = self._early and self.last == last
            self._early.clear() if is_missing else None
        if is_missing:
            self.open(self._socket)

    def _apply(self, frame):
        """Section 8. False: a gap."""
        view, kind, running = self.view, frame["type"], self.view["running"]
        if kind in ("delta", "part", "rewind"):
            return self._grow(frame)
        if kind not in VERSIONED or frame["version"] <= view["version"]:
            return True  # frame-7, frame-2
        if frame["version"] > view["version"] + 1:
            return False
        if kind not in ("turn.started", "state.patched") and (running is None or running["turn"] != frame["turn"]):
            return False
        if kind == "turn.started":
            view["agent"] = frame["agent"]
            begun = {"steps": [], "step": 1, "attempt": 1, "index": 0, "parts": [], "questions": []}
            view["running"] = {**picked(frame, BEGUN), **begun}
        elif kind == "turn.waiting":
            running["questions"] = frame["questions"]
        elif kind == "inputs.joined":
            running["inputs"] += frame["inputs"]
        elif kind in ("step.ended", "turn.ended"):
            if "step" in frame and not end_step(running, frame):
                return False
            if kind == "turn.ended":
                kept = {**picked(running, BEGUN), "steps": running["steps"], **picked(frame, KEPT)}
                view["turns"].append(kept)
                view["running"] = None
        view["applied"].update(frame.get("applied", {}))
        for operation in frame.get("patch", []):
            patch(view["state"], operation)
        view["version"] = frame["version"]
        return True

    def _grow(self, frame):
        """grow-1 to grow-4."""
        running = self.view["running"]
        if self.view["turns"] and frame["turn"] <= self.view["turns"][-1]["turn"]:
            return True  # grow-2
        if running is None or running["turn"] != frame["turn"] or frame["step"] > running["step"]:
            return False
        if frame["step"] < running["step"] or frame["attempt"] < running["attempt"] or frame["index"] <= running["index"]:
            return True  # grow-2: void
        if frame["type"] == "rewind":
            running["parts"] = frame["parts"]
        elif frame["index"] != running["index"] + 1 or not place(running["parts"], frame):
            return False
        running.update(attempt=frame["attempt"], index=frame["index"])
        return True


VERSIONED = ("turn.started", "step.ended", "turn.waiting", "inputs.joined", "turn.ended", "state.patched")
BEGUN = ("turn", "origin", "inputs", "replaces")
KEPT = ("outcome", "finish", "usage", "model", "error", "by")


def picked(members, names):
    return {name: members[name] for name in names if name in members}


def place(parts, frame):
    """frame-4, frame-6. False: a gap."""
    at, is_new = frame["at"], "begins" in frame
    if frame["type"] == "part" or is_new:
        if at > len(parts) or is_new and at != len(parts):
            return False
        parts[at : at + 1] = [{"type": frame["begins"], "text": frame["text"]} if is_new else frame["part"]]
        return True
    part = parts[at] if at < len(parts) else {"type": "none"}
    if part["type"] in ("text", "reasoning"):
        part["text"] += frame["text"]
    elif part["type"] == "tool" and part["state"] == "writing":
        part["inputText"] = part.get("inputText", "") + frame["text"]
    else:
        return False
    return True


def end_step(running, frame):
    """end-1: the step with its parts, those of the frame or those that are held. False: a gap."""
    if frame["step"] != running["step"] or "parts" not in frame and frame["index"] != running["index"]:
        return False
    parts = frame.get("parts", running["parts"])
    running["steps"].append({"step": frame["step"], "attempt": frame["attempt"], "parts": parts})
    running.update(step=frame["step"] + 1, attempt=1, parts=[])
    return True


def text_of(turn):
    """part-2: the text parts of all steps."""
    parts = [part for step in turn["steps"] for part in step["parts"]] + turn.get("parts", [])
    return "".join(part["text"] for part in parts if part["type"] == "text")


def patch(state, operation):
    """RFC 6902: add, replace, remove, which are all that frame-3 uses."""
    *path, name = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
    target = state
    for part in path:
        target = target[int(part) if isinstance(target, list) else part]
    if isinstance(target, list):
        at = len(target) if name == "-" else int(name)
        target[at : at if operation["op"] == "add" else at + 1] = [] if operation["op"] == "remove" else [operation["value"]]
    elif operation["op"] == "remove":
        del target[name]
    else:
        target[name] = operation["value"]
