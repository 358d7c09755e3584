import {
  type Cursor,
  emptySnapshot,
  type Frame,
  type SendAck,
  type SendRequest,
  type WireError,
} from "@holdfast/contract";
import { expect, test, vi } from "vitest";
import { Recorder } from "../measure/recorder.ts";
import { PRODUCER, type Wire, WireSession } from "./wire-session.ts";

/** An edge's end of the wire, played by the test: it sees each request and answers when it likes. */
class PlayedWire implements Wire {
  readonly requests: { request: SendRequest; answer: (ack: SendAck) => void; lose: () => void }[] = [];
  readonly opens: (Cursor | undefined)[] = [];

  send(request: SendRequest): Promise<SendAck> {
    return new Promise((resolve, reject) => {
      this.requests.push({ request, answer: resolve, lose: () => reject(new Error("timeout")) });
    });
  }

  async open(_session: string, cursor: Cursor | undefined): Promise<void> {
    this.opens.push(cursor);
  }

  /** Waits for the request with this number (from 0) and gives its seqs. */
  async seqs(ordinal: number): Promise<number[]> {
    await vi.waitUntil(() => this.requests.length > ordinal, { timeout: 10_000 });
    return this.requests[ordinal]?.request.events.map(({ seq }) => seq) ?? [];
  }

  durable(ordinal: number): void {
    const played = this.requests[ordinal];
    played?.answer({ ok: true, durable: played.request.events.at(-1)?.seq ?? 1 });
  }

  refuse(ordinal: number, error: Pick<WireError, "code"> & Partial<WireError>): void {
    this.requests[ordinal]?.answer({ ok: false, error: { message: "no", ...error } });
  }
}

function begin(perSend = 256) {
  const wire = new PlayedWire();
  const recorder = new Recorder();
  const session = new WireSession(wire, recorder, { name: "s", perSend });
  return { wire, recorder, session };
}

/** The frames of one whole turn that took these inputs. */
function turnFrames(turn: number, seqs: number[]): Frame[] {
  const version = 2 * turn - 1;
  const origin = "user" as const;
  const inputs = seqs.map((seq) => ({ by: "ann", producer: PRODUCER, seq, origin, at: 0, text: "x" }));
  const end = { outcome: "completed", finish: "stop", step: 1, attempt: 1, index: 2 } as const;
  const at = (place: number) => ({ prev: `${turn}.${place - 1}`, id: `${turn}.${place}` });
  return [
    { type: "snapshot", id: `${turn}.0`, snapshot: { ...emptySnapshot("echo"), version: version - 1 } },
    { type: "turn.started", ...at(1), version, turn, agent: "echo", origin, inputs, applied: {} },
    { type: "delta", ...at(2), turn, step: 1, attempt: 1, index: 1, at: 0, begins: "text", text: "Hello" },
    { type: "delta", ...at(3), turn, step: 1, attempt: 1, index: 2, at: 0, text: " you" },
    { type: "turn.ended", ...at(4), version: version + 1, turn, ...end, patch: [] },
  ];
}

test("a burst goes out as one request; it is durable when the edge says so", async () => {
  const { wire, recorder, session } = begin();
  session.offer(["observe", "observe", "observe"], 0, true);
  expect(await wire.seqs(0)).toEqual([1, 2, 3]);
  expect(session.unsettled).toBe(3);
  wire.durable(0);
  await vi.waitUntil(() => session.unsettled === 0);
  expect(recorder.completed.durable).toBe(3);
});

test("send-5: after a refusal all that is not durable goes again, in order, once everything was answered", async () => {
  const { wire, recorder, session } = begin(2);
  session.offer(["observe", "observe", "observe", "observe", "observe"], 0, true);
  expect(await wire.seqs(2)).toEqual([5]);
  wire.durable(0);
  wire.refuse(1, { code: "busy", retryAfterMs: 1 });
  wire.refuse(2, { code: "out_of_order", after: 2 });
  expect(await wire.seqs(3)).toEqual([3, 4]);
  expect(await wire.seqs(4)).toEqual([5]);
  wire.durable(3);
  wire.durable(4);
  await vi.waitUntil(() => session.unsettled === 0);
  expect(recorder.completed.durable).toBe(5);
  expect(recorder.notes).toEqual({ busy: 1, out_of_order: 1 });
});

test("ack-3: what got no answer is sent again", async () => {
  const { wire, session } = begin();
  session.offer(["observe"], 0, true);
  await wire.seqs(0);
  wire.requests[0]?.lose();
  expect(await wire.seqs(1)).toEqual([1]);
  wire.durable(1);
  await vi.waitUntil(() => session.unsettled === 0);
});

test("a refusal for good is a fault of the run, not something to try for ever", async () => {
  const { wire, session } = begin();
  session.offer(["observe"], 0, true);
  await wire.seqs(0);
  wire.refuse(0, { code: "forbidden" });
  await vi.waitUntil(() => session.faults.length > 0);
  expect(session.faults[0]).toContain("forbidden");
});

test("an input is settled by its turn's outcome, and its first output is told once", () => {
  const { recorder, session } = begin();
  session.offer(["input"], performance.now(), true);
  session.accept(turnFrames(1, [1]).slice(0, 4));
  expect(session.unsettled).toBe(1);
  session.accept(turnFrames(1, [1]).slice(4));
  expect(session.unsettled).toBe(0);
  const { eventToFirstDelta, eventToFinal } = recorder.latencies();
  expect([eventToFirstDelta.count, eventToFinal.count]).toEqual([1, 1]);
});

test("turn-1: an input that is in two turns is a fault", () => {
  const { session } = begin();
  session.offer(["input"], 0, true);
  session.accept(turnFrames(1, [1]));
  session.accept(turnFrames(2, [1]));
  expect(session.faults).toEqual(["s: input 1 is in two turns."]);
});

test("chain-3: a frame that breaks the chain is not taken; the session is opened anew, once", () => {
  const { wire, recorder, session } = begin();
  session.offer(["input"], 0, true);
  const [snapshot, , delta, second, final] = turnFrames(1, [1]);
  session.accept([snapshot, delta, second, final].filter((frame) => frame !== undefined));
  expect(session.unsettled).toBe(1);
  expect(wire.opens).toEqual([undefined]);
  expect(recorder.notes).toMatchObject({ chain_gap: 3 });
});
