"""What the test has the client do: it reads `{ urls, token, stale }` and prints, as JSON, what it saw."""

import json
import sys

import holdfast

given = json.load(sys.stdin)
first_edge, second_edge = given["urls"]
seen = {}


def ended(turns):
    return lambda session: len(session.view["turns"]) == turns and session.view["running"] is None


# connect-3: a refusal has a code to go by.
try:
    holdfast.connect(first_edge, given["stale"])
except holdfast.Refused as refused:
    seen["refusal"] = refused.code

# Open, send, read.
session = holdfast.Session("s", agent="echo")
socket = holdfast.connect(first_edge, given["token"], session)
session.wait(lambda held: held.last is not None)
seen["fresh"] = {"resumed": session.resumed, "version": session.view["version"]}
session.send("one")
session.send("two")
session.wait(ended(2))
seen["applied"] = session.applied()

# Resume: the connection ends, somebody else speaks, and the reader goes on at another edge from where it was.
socket.disconnect()
before = session.view["version"]
other = holdfast.Session("s", agent="echo")
elsewhere = holdfast.connect(first_edge, given["token"], other)
other.wait(lambda held: held.last is not None)
other.send("three, while the first is away")
other.wait(ended(3))
socket = holdfast.connect(second_edge, given["token"], session)
session.wait(ended(3))
seen["resumed"] = {"resumed": session.resumed, "versions": session.view["version"] - before}

# A command, and its repeat.
session.send("long faults:slow=20ms,tokens=2000")
session.wait(lambda held: held.view["running"] is not None and len(holdfast.text_of(held.view["running"])) > 50)
stop = [session.command("interrupt", {}, "stop-1"), session.command("interrupt", {}, "stop-1")]
session.wait(ended(4))
other.wait(ended(4))
seen["commands"] = stop

# A refused request leaves the connection as it was.
try:
    session.send("x" * 40_000)
except holdfast.Refused as refused:
    seen["too_large"] = refused.code

seen["turns"] = [{**turn, "text": holdfast.text_of(turn)} for turn in session.view["turns"]]
seen["agree"] = session.view == other.view
socket.disconnect()
elsewhere.disconnect()
print(json.dumps(seen))
