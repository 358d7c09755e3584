import { textOf, wireError, type Part } from "@holdfast/contract";
import { expect, test } from "vitest";
import type { Session } from "../src/session.ts";
import { codeOf, eventually, live, quickClient, runningText, startEdge, viewOf, type QuickClient } from "./harness.ts";
import type { ScriptedEdge } from "./scripted-edge.ts";
import { SUBJECT, TAKEN_AT, type ScriptedSession } from "./scripted-session.ts";

interface Opened {
  edge: ScriptedEdge;
  client: QuickClient;
  session: Session;
  scripted: ScriptedSession;
}

async function opened(): Promise<Opened> {
  const edge = await startEdge();
  const client = quickClient([edge]);
  const session = client.session("chat");
  await live(session);
  return { edge, client, session, scripted: edge.world.session("chat") };
}

/** What the running step has made, once it is as the session has it. */
async function partsRead({ session, scripted }: Opened): Promise<readonly Part[]> {
  const view = await viewOf(session, ({ running }) => running?.index === scripted.snapshot.running?.index);
  expect(view.running).toEqual(scripted.snapshot.running);
  return view.running?.parts ?? [];
}

test("part-2, part-3, part-4, frame-6: parts of every kind come in place, and those that grow do so", async () => {
  const all = await opened();
  const { scripted } = all;
  scripted.startTurn();
  scripted.delta("Let me", "reasoning");
  scripted.delta(" think.", "reasoning");
  scripted.delta("I look ");
  scripted.delta("it up.");
  scripted.part({ type: "tool", call: "c1", name: "search", state: "writing" });
  scripted.grow('{"q":');
  scripted.grow('"tea"}');
  expect(await partsRead(all)).toEqual([
    { type: "reasoning", text: "Let me think." },
    { type: "text", text: "I look it up." },
    { type: "tool", call: "c1", name: "search", state: "writing", inputText: '{"q":"tea"}' },
  ]);
  const tool = { type: "tool", call: "c1", name: "search", input: { q: "tea" } } as const;
  scripted.part({ ...tool, state: "running", progress: 0.5 }, 2);
  const given: Part[] = [
    { type: "data", name: "reading", id: "r", value: { sentiment: 0.5 } },
    { type: "source", url: "https://tea.example", title: "Tea" },
    { type: "file", blob: "b1", mediaType: "image/png", name: "tea.png", bytes: 12 },
    { type: "child", session: "ann/tea", agent: "helper", state: "running", text: "…" },
  ];
  for (const part of given) scripted.part(part);
  const during = await partsRead(all);
  expect(during.slice(2)).toEqual([{ ...tool, state: "running", progress: 0.5 }, ...given]);
  scripted.part({ ...tool, state: "done", output: ["green", "black"] }, 2);
  const after = await partsRead(all);
  expect(after[2]).toEqual({ ...tool, state: "done", output: ["green", "black"] });
  for (const at of [0, 1, 3, 4, 5, 6]) expect(after[at]).toBe(during[at]);
  expect(runningText(all.session.get())).toBe("I look it up.");
  expect(all.edge.opens).toHaveLength(1);
});

test("end-1: a turn that ends keeps what the reader holds of it, which is not sent again", async () => {
  const all = await opened();
  const { session, scripted } = all;
  scripted.startTurn();
  scripted.delta("Hello.");
  scripted.part({ type: "data", name: "mood", value: "calm" });
  const held = await partsRead(all);
  scripted.complete();
  expect(scripted.log.at(-1)).not.toHaveProperty("parts");
  const view = await viewOf(session, ({ turns }) => turns.length === 1);
  expect(view.turns[0]?.steps).toEqual([{ step: 1, attempt: 1, parts: held }]);
  expect(view.turns[0]?.steps[0]?.parts[0]).toBe(held[0]);
});

test("end-1: an end with parts replaces what the reader holds", async () => {
  const all = await opened();
  const { session, scripted } = all;
  scripted.startTurn();
  scripted.delta("Hello, and");
  await partsRead(all);
  scripted.complete([{ type: "text", text: "Hello." }]);
  const view = await viewOf(session, ({ turns }) => turns.length === 1);
  expect(view.turns.map(textOf)).toEqual(["Hello."]);
  expect(all.edge.opens).toHaveLength(1);
});

test("end-1, chain-3: a reader that does not hold the parts an end leaves out opens again and is given the turn", async () => {
  const all = await opened();
  const { edge, session, scripted } = all;
  scripted.startTurn();
  scripted.delta("Hel");
  await partsRead(all);
  // The session has more than any frame told.
  const { running } = scripted.snapshot;
  if (running === null) throw new Error("no turn runs");
  const parts: Part[] = [{ type: "text", text: "Hello." }];
  scripted.snapshot = { ...scripted.snapshot, running: { ...running, index: running.index + 1, parts } };
  scripted.complete();
  expect(scripted.log.at(-1)).not.toHaveProperty("parts");
  const view = await viewOf(session, ({ turns }) => turns.length === 1);
  expect(view.turns.map(textOf)).toEqual(["Hello."]);
  expect(edge.opens).toEqual([{ session: "chat" }, { session: "chat" }]);
});

test("frame-2, end-2: a step that ends stands behind the running one, and the agent's state moves with it", async () => {
  const all = await opened();
  const { edge, session, scripted } = all;
  scripted.startTurn();
  scripted.delta("First. ");
  scripted.part({ type: "tool", call: "c", name: "search", state: "done" });
  await partsRead(all);
  scripted.endStep([{ op: "add", path: "/searches", value: 1 }]);
  scripted.delta("Wrong");
  const before = await viewOf(session, ({ running }) => running?.parts.length === 1);
  expect(before).toMatchObject({ state: { searches: 1 }, running: { step: 2, steps: [{ step: 1, attempt: 1 }] } });
  expect(runningText(before)).toBe("First. Wrong");
  // Only the running step is taken back.
  scripted.rewind("Second.", 2);
  const after = await viewOf(session, ({ running }) => running?.attempt === 2);
  expect(runningText(after)).toBe("First. Second.");
  expect(after.running?.steps[0]).toBe(before.running?.steps[0]);
  scripted.complete();
  const view = await viewOf(session, ({ turns }) => turns.length === 1);
  expect(view.turns).toEqual(scripted.snapshot.turns);
  expect(view.turns[0]?.steps.map(({ step, attempt }) => [step, attempt])).toEqual([
    [1, 1],
    [2, 2],
  ]);
  expect(view.turns[0]?.steps[0]).toBe(after.running?.steps[0]);
  expect(edge.opens).toHaveLength(1);
});

test("chain-3, grow-3: a frame of a step whose predecessor has not ended here makes the reader open again", async () => {
  const all = await opened();
  const { edge, session, scripted } = all;
  scripted.startTurn();
  scripted.delta("One.");
  await partsRead(all);
  const { running } = scripted.snapshot;
  if (running === null) throw new Error("no turn runs");
  const steps = [{ step: 1, attempt: 1, parts: running.parts }];
  scripted.snapshot = { ...scripted.snapshot, running: { ...running, steps, step: 2, parts: [] } };
  scripted.delta(" Two.");
  await viewOf(session, (view) => runningText(view) === "One. Two.");
  expect(edge.opens).toEqual([{ session: "chat" }, { session: "chat" }]);
});

test("turn-7: what a turn waits for is in the view until it is answered, also while the turn goes on growing", async () => {
  const { session, scripted } = await opened();
  const none = session.get().questions;
  scripted.startTurn();
  scripted.part({ type: "tool", call: "c", name: "pay", state: "asking", question: "q1" });
  const question = { id: "q1", title: "Pay 12 €?", of: "owner", call: "c", details: { amount: 12 } } as const;
  scripted.wait([question, { id: "q2", title: "To whom?", of: { role: "clerk" } }]);
  const asked = await viewOf(session, ({ questions }) => questions.length === 2);
  expect(asked.questions[0]).toEqual(question);
  scripted.wait([question]);
  const left = await viewOf(session, ({ questions }) => questions.length === 1);
  scripted.part({ type: "tool", call: "c", name: "pay", state: "approved", by: "ann" }, 0);
  const grown = await viewOf(session, ({ running }) => running?.index === 2);
  expect(grown.questions).toBe(left.questions);
  scripted.wait([]);
  const answered = await viewOf(session, ({ questions }) => questions.length === 0);
  expect(answered.questions).toBe(none);
  expect(answered.running).not.toBeNull();
});

test("send-8, turn-8, ack-2: inputs that join the running turn are applied, and say who sent them, when, and under which name", async () => {
  const { session, scripted } = await opened();
  const first = session.send("hello", { id: "m-1" });
  await first.durable;
  scripted.startTurn();
  await first.applied;
  const second = session.send("and be quick", { id: "m-2", data: { urgent: true } });
  expect(session.get().pending).toMatchObject([{ seq: 2, id: "m-2", status: "sending" }]);
  await second.durable;
  scripted.joinInputs();
  await second.applied;
  const { pending, running } = session.get();
  expect(pending).toEqual([]);
  const common = { by: SUBJECT, producer: first.producer, origin: "user", at: TAKEN_AT };
  expect(running?.inputs).toEqual([
    { ...common, seq: 1, id: "m-1", text: "hello" },
    { ...common, seq: 2, id: "m-2", text: "and be quick", data: { urgent: true } },
  ]);
  scripted.complete("Done.");
  const view = await viewOf(session, ({ turns }) => turns.length === 1);
  expect(view.turns[0]?.inputs).toBe(running?.inputs);
});

test("send-2: an input's name that is none is refused at once, and what follows is sent", async () => {
  const { edge, session } = await opened();
  expect(await codeOf(session.send("hello", { id: "a/b" }).durable)).toBe("invalid");
  await session.send("fine").durable;
  expect(edge.violations).toEqual([]);
});

test("trace-1: an input's trace goes with its request, which holds nothing of another trace; a command's with the command", async () => {
  const { edge, session } = await opened();
  const [one, two] = ["1", "2"].map((digit) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`);
  if (one === undefined || two === undefined) throw new Error("no traces");
  const receipts = [
    session.send("a", { traceparent: one }),
    session.send("b", { traceparent: one }),
    session.observe("c"),
    session.send("d", { traceparent: two }),
  ];
  await Promise.all(receipts.map((receipt) => receipt.durable));
  expect(edge.sends.map(({ events, traceparent }) => [events.map(({ seq }) => seq), traceparent])).toEqual([
    [[1, 2], one],
    [[3], undefined],
    [[4], two],
  ]);
  edge.script.command = () => ({ ok: true, result: null });
  await session.command("approve", {}, { traceparent: two });
  expect(edge.commands).toMatchObject([{ name: "approve", traceparent: two }]);
  expect(await codeOf(session.send("e", { traceparent: "yesterday" }).durable)).toBe("invalid");
  expect(edge.violations).toEqual([]);
});

test("notice-1: a notice is heard once, also over a lost connection, and changes nothing that is shown", async () => {
  const { edge, session, scripted } = await opened();
  const heard: unknown[] = [];
  session.on("notice", (notice) => heard.push(notice));
  let told = 0;
  const before = session.get();
  session.subscribe(() => told++);
  scripted.notice("typing");
  scripted.notice("progress", { share: 0.5 });
  await eventually(() => expect(heard).toHaveLength(2));
  expect(session.get()).toBe(before);
  expect(told).toBe(0);
  edge.script.connect = () => wireError("draining");
  edge.drop();
  await viewOf(session, ({ connection }) => connection.state === "waiting");
  scripted.notice("meanwhile");
  delete edge.script.connect;
  await live(session);
  scripted.answer("one");
  await viewOf(session, ({ turns }) => turns.length === 1);
  expect(heard).toEqual([{ name: "typing" }, { name: "progress", data: { share: 0.5 } }, { name: "meanwhile" }]);
});

test("notice-1, chain-3: a notice behind a frame that was lost is heard once, when the frame is there", async () => {
  const { edge, session, scripted } = await opened();
  const heard: string[] = [];
  session.on("notice", ({ name }) => heard.push(name));
  scripted.append({ type: "notice", name: "lost" }, true);
  scripted.notice("found");
  await eventually(() => expect(edge.opens).toHaveLength(2));
  scripted.answer("one");
  await viewOf(session, ({ turns }) => turns.length === 1);
  expect(heard).toEqual(["lost", "found"]);
});

test("frame-3, turn-2: a turn's end says why it ends there, and who stopped it or what failed", async () => {
  const { session, scripted } = await opened();
  scripted.startTurn();
  scripted.delta("Half an");
  scripted.interrupt();
  scripted.startTurn();
  scripted.fail("", { code: "model_unavailable", message: "Later." });
  const view = await viewOf(session, ({ turns }) => turns.length === 2);
  expect(view.turns).toMatchObject([
    { outcome: "interrupted", finish: "interrupted", by: SUBJECT },
    { outcome: "failed", finish: "error", error: { code: "model_unavailable" } },
  ]);
  expect(view.turns.map(textOf)).toEqual(["Half an", ""]);
});
