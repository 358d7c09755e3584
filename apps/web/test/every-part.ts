import type { Input, Question, ToolPart } from "@holdfast/contract";
import { SUBJECT, TAKEN_AT, type ScriptedSession } from "../../../packages/client/test/scripted-session.ts";
import { inputOf } from "./turns.ts";

export const ANSWER = `## What I found

The **tides** in *Brest* are ~~small~~ large: up to \`7.8 m\`. See [the harbour's table](https://example.com/tides) or <https://example.org>.

1. Leave at **high water**,
2. keep the lighthouse to port,
   - it blinks twice
   - and then rests
3. be back by six.

- [x] boat
- [ ] lamp

> The sea, once it casts its spell,
> holds one in its net of wonder.

\`\`\`ts
export function height(hours: number): number {
  return 3.9 + 3.9 * Math.cos((2 * Math.PI * hours) / 12.42); // of a rather long line that wants to be scrolled sideways
}
\`\`\`

| Hour | Height | What it is like |
|-----:|:------:|-----------------|
| 6    | 7.8 m  | high, **slack** |
| 12   | 0.4 m  | low             |

שלום, this line begins on the right.

![A map](https://example.com/map.png)`;

const WEATHER: ToolPart = {
  type: "tool",
  call: "1.1.0",
  name: "weather",
  state: "done",
  input: { place: "Brest", hours: 24, units: ["m", "kn"] },
  output: { wind: "NW 5", sea: "moderate", outlook: "calmer towards the evening" },
};

const BOOK = { type: "tool", call: "2.1.1", name: "book", question: "q1" } as const;

const QUESTION: Question = {
  id: "q1",
  title: "May I book the boat Hirondelle for 120 €?",
  details: { boat: "Hirondelle", from: "14:00", price: 120 },
  of: "owner",
  call: "2.1.1",
  until: TAKEN_AT + 3_600_000,
};

const input = (seq: number, more: Partial<Input>): Input => inputOf(seq, { by: SUBJECT, at: TAKEN_AT, ...more });

function begin(session: ScriptedSession, inputs: Input[]): void {
  const { version, agent, turns } = session.snapshot;
  const turn = (turns.at(-1)?.turn ?? 0) + 1;
  session.append({ type: "turn.started", version: version + 1, turn, agent, origin: "user", inputs, applied: {} });
}

/** A turn that has ended, with parts of every kind, over two steps, and an input that joined it. */
export function everyPart(session: ScriptedSession): void {
  const files = [{ blob: "b1", mediaType: "application/pdf", name: "chart.pdf", bytes: 1_234_567 }];
  begin(session, [input(1, { text: "When can we sail?\nHere is our chart.", files })]);
  session.delta("They want to **sail**. I should look at the weather, and then at the tides.", "reasoning");
  session.part({ type: "data", name: "reading", value: { sentiment: 0.4, keywords: ["sail", "chart"] } });
  session.delta("Let me look at the weather first.");
  session.part(WEATHER);
  const chart = { type: "tool", call: "1.1.1", name: "read_chart", input: "chart.pdf" } as const;
  session.part({ ...chart, state: "failed", error: "The chart has no page 12." });
  const child = { type: "child", session: `${SUBJECT}/tides`, agent: "tides" } as const;
  session.part({ ...child, state: "done", text: "High water is at **six**." });
  session.endStep();
  const { version, running } = session.snapshot;
  const joined = input(2, { by: "bob", producer: "phone", step: 2, text: "And take the small boat, please." });
  const { turn = 1 } = running ?? {};
  session.append({ type: "inputs.joined", version: version + 1, turn, inputs: [joined], applied: {} });
  session.delta(ANSWER);
  session.part({ type: "source", url: "https://example.com/tides", title: "Tides of Brest" });
  session.part({ type: "source", url: "https://example.org/charts" });
  session.part({ type: "source", url: "javascript:alert(1)", title: "Somewhere odd" });
  session.part({ type: "file", blob: "b2", mediaType: "text/csv", name: "tides.csv", bytes: 512 });
  session.complete();
}

/** A turn that waits for somebody. */
export function waiting(session: ScriptedSession): void {
  begin(session, [input(3, { text: "Book it." })]);
  session.delta("I have to ask first.", "reasoning");
  session.part({ ...WEATHER, state: "running", progress: { done: 3, total: 4 } });
  session.part({ ...BOOK, state: "asking", input: { boat: "Hirondelle" } });
  session.wait([QUESTION, { id: "q2", title: "Is the weather good enough?", of: { subject: SUBJECT } }]);
}

/** It was answered, and goes on until it is cut. */
export function goesOn(session: ScriptedSession): void {
  session.wait([]);
  session.part({ ...BOOK, state: "denied", by: "bob" }, 2);
  const ring = { type: "tool", call: "2.1.2", name: "ring_harbour" } as const;
  session.part({ ...ring, state: "unknown", preview: "Dialling…\nRing", blob: "b3" });
  session.delta("Then we stay ashore, and");
  const { version, running } = session.snapshot;
  if (running === null) throw new Error("No turn runs.");
  const { turn, step, attempt, index } = running;
  const end = { outcome: "completed", finish: "length" } as const;
  session.append({ type: "turn.ended", version: version + 1, turn, step, attempt, index, ...end, patch: [] });
}
