import { wireError } from "@holdfast/contract";
import { expect, test } from "vitest";
import { codeOf, eventually, live, quickClient, startEdge, viewOf } from "./harness.ts";

test("command-1: a command resolves to the session's answer", async () => {
  const edge = await startEdge();
  edge.script.command = ({ args }) => ({ ok: true, result: { got: args ?? null } });
  const session = quickClient([edge]).session("chat");
  expect(await session.command("approve", { what: "it" }, { id: "mine" })).toEqual({ got: { what: "it" } });
  expect(edge.commands).toEqual([{ session: "chat", id: "mine", name: "approve", args: { what: "it" } }]);
});

test("command-3, req-3: it is repeated under one id when unavailable, unanswered and after a lost connection", async () => {
  const edge = await startEdge();
  let asked = 0;
  edge.script.command = () => {
    asked++;
    if (asked === 1) return { ok: false, error: wireError("unavailable", undefined, { retryAfterMs: 1 }) };
    if (asked === 2) return { ok: false, error: wireError("not_open") };
    if (asked === 3) return "silence";
    if (asked === 4) edge.drop();
    return asked === 4 ? "silence" : { ok: true, result: asked };
  };
  const session = quickClient([edge], { bounds: { requestTimeoutMs: 100 } }).session("chat");
  expect(await session.command("approve")).toBe(5);
  expect(new Set(edge.commands.map((command) => command.id)).size).toBe(1);
  expect(edge.auths).toHaveLength(2);
});

test.each(["unknown_command", "command_refused", "unknown_session", "invalid"] as const)(
  "err-2: `%s` rejects and is not repeated",
  async (code) => {
    const edge = await startEdge();
    edge.script.command = () => ({ ok: false, error: wireError(code) });
    const session = quickClient([edge]).session("chat");
    expect(await codeOf(session.command("approve"))).toBe(code);
    expect(edge.commands).toHaveLength(1);
  },
);

test("command-2: interrupt names the turn that runs, so that it cannot hit the next one", async () => {
  const edge = await startEdge();
  edge.script.command = ({ args }) => ({ ok: true, result: { turn: args?.["turn"] ?? null, later: true } });
  const session = quickClient([edge]).session("chat");
  await live(session);
  expect(await session.interrupt()).toEqual({ turn: null });
  edge.world.session("chat").startTurn();
  await viewOf(session, (view) => view.running !== null);
  expect(await session.interrupt()).toEqual({ turn: 1 });
  expect(await session.interrupt({ turn: 7 })).toEqual({ turn: 7 });
});

test("command-2: an answer that is not one rejects with `bad_answer`", async () => {
  const edge = await startEdge();
  edge.script.command = () => ({ ok: true, result: "stopped" });
  expect(await codeOf(quickClient([edge]).session("chat").interrupt())).toBe("bad_answer");
});

test("an AbortSignal ends the repeating, whatever it waits for", async () => {
  const edge = await startEdge();
  edge.script.command = () => "silence";
  const session = quickClient([edge]).session("chat");
  expect(await codeOf(session.command("approve", {}, { signal: AbortSignal.abort() }))).toBe("aborted");
  const abort = new AbortController();
  const command = session.command("approve", {}, { signal: abort.signal });
  await eventually(() => expect(edge.commands).toHaveLength(1));
  abort.abort();
  expect(await codeOf(command)).toBe("aborted");
});

test("closing the session rejects its commands with `closed`", async () => {
  const edge = await startEdge();
  edge.script.command = () => "silence";
  const session = quickClient([edge]).session("chat");
  const command = session.command("approve");
  await eventually(() => expect(edge.commands).toHaveLength(1));
  await session.close();
  expect(await codeOf(command)).toBe("closed");
  expect(await codeOf(session.command("approve"))).toBe("closed");
});
