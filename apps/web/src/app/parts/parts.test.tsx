import { shrunkPart, type Part, type Question, type RunningTurn, type ToolState, type Turn } from "@holdfast/contract";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import { inputOf, runningOf, turnOf } from "../../../test/turns.ts";
import { Me } from "../me.ts";
import { TurnArticle } from "../turn-article.tsx";
import { questionsInWords, whoMayAnswer } from "./open-questions.tsx";
import { sizeOf } from "./part-view.tsx";

const CALL = { type: "tool", call: "c", name: "search" } as const;
const QUESTION: Question = { id: "q", title: "May I?", of: "owner", call: "c" };

const render = (turn: Turn | RunningTurn, me = "ann"): string =>
  renderToStaticMarkup(
    <Me value={me}>
      <TurnArticle turn={turn} />
    </Me>,
  );
const textOf = (html: string): string => html.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
const wordsOf = (turn: Turn | RunningTurn, me?: string): string => textOf(render(turn, me));

test("who spoke is told: oneself, another, or what is no person", () => {
  const turn = turnOf([]);
  expect(wordsOf(turn, "bob")).toContain("You said: Hello");
  expect(wordsOf(turn, "ann")).toContain("bob said: Hello");
  const scheduled = turnOf([], { inputs: [inputOf(1, { origin: "schedule" })] });
  expect(wordsOf(scheduled, "bob")).toContain("A schedule (bob) said: Hello");
});

test("a file that was sent is named, with its size", () => {
  const files = [{ blob: "b", mediaType: "image/png", name: "\u202Emap.png", bytes: 1_500_000 }];
  expect(wordsOf(turnOf([], { inputs: [inputOf(1, { files })] }))).toContain("map.png image/png, 1.5 MB");
});

test("sizes are told as people tell them", () => {
  expect([0, 999, 1_000, 123_456, 5e9].map(sizeOf)).toEqual(["0 bytes", "999 bytes", "1.0 KB", "123 KB", "5.0 GB"]);
});

test("part-3: every state of a tool's call has words of its own", () => {
  const states: ToolState[] = [
    "writing",
    "ready",
    "asking",
    "approved",
    "denied",
    "running",
    "done",
    "failed",
    "stopped",
    "unknown",
  ];
  const words = states.map((state) => wordsOf(runningOf([{ ...CALL, state }])));
  expect(new Set(words).size).toBe(states.length);
});

test("a call that was under way when its turn ended is not told to be running", () => {
  const html = wordsOf(turnOf([{ ...CALL, state: "running", progress: 0.5 }]));
  expect(html).toContain("not finished");
  expect(html).not.toMatch(/running|50 %/);
});

test("a tool's error is shown, its input and output are folded", () => {
  const secrets = { input: { secret: 1 }, output: "much" };
  const html = render(turnOf([{ ...CALL, state: "failed", error: "No such place.", ...secrets }]));
  expect(html).toContain("No such place.");
  expect(html).toMatch(/<details[^>]*><summary>Input/);
  expect(html).toMatch(/<details[^>]*><summary>Output/);
  expect(html).not.toMatch(/secret|much/);
});

test("turn-7: a call that asks shows its question, and afterwards who answered it", () => {
  const tool: Part = { type: "tool", call: "c", name: "book", state: "asking", question: "q" };
  const asking = wordsOf(runningOf([tool], { questions: [QUESTION] }));
  expect(asking).toContain("Asked: May I?");
  expect(asking).not.toContain("The agent is thinking");
  expect(wordsOf(runningOf([{ ...tool, state: "denied", by: "bob" }]))).toContain("Denied by bob");
  expect(wordsOf(runningOf([{ ...tool, state: "running", by: "ann" }]))).toContain("Approved by you");
});

test("turn-7: whoever may answer is named", () => {
  expect(whoMayAnswer({ of: "owner" }, "ann")).toContain("belongs to");
  expect(whoMayAnswer({ of: "operators" }, "ann")).toContain("runs this service");
  expect(whoMayAnswer({ of: { subject: "ann" } }, "ann")).toBe("You may answer.");
  expect(whoMayAnswer({ of: { subject: "bob" } }, "ann")).toBe("bob may answer.");
  expect(whoMayAnswer({ of: { role: "captain" } }, "ann")).toContain("captain");
  expect(questionsInWords([QUESTION], "ann")).toBe(
    "The agent asks: May I? Whoever this conversation belongs to may answer.",
  );
  expect(questionsInWords([], "ann")).toBe("");
});

test("a question until a time that is none is shown without it", () => {
  expect(wordsOf(runningOf([], { questions: [{ ...QUESTION, until: Number.MAX_SAFE_INTEGER }] }))).toContain("May I?");
});

test("sources that follow each other make one list; one that leads nowhere is no link", () => {
  const html = render(
    turnOf([
      { type: "source", url: "https://example.com/a", title: "A" },
      { type: "source", url: "javascript:alert(1)", title: "B" },
      { type: "source" },
      { type: "text", text: "Words" },
      { type: "source", url: "https://example.org" },
    ]),
  );
  expect(html.match(/<ul/g)).toHaveLength(2);
  expect(html.match(/href=/g)).toHaveLength(2);
});

test("a child session of one's own is linked to; another's is only named", () => {
  const child = { type: "child", agent: "reader", state: "running", text: "so far" } as const;
  expect(render(turnOf([{ ...child, session: "ann/research" }]))).toContain('href="#/research?agent=reader"');
  expect(render(turnOf([{ ...child, session: "bob/research" }]))).not.toContain("href");
  expect(wordsOf(turnOf([{ ...child, session: "ann/research" }]))).toContain("not finished");
});

test("snap-3: of the parts of an old turn their names are left", () => {
  const parts: Part[] = [
    { type: "reasoning", text: "Well" },
    { type: "data", name: "reading", value: { mood: 1 } },
    { ...CALL, state: "done", input: {}, output: {} },
    { type: "child", session: "s", agent: "reader", state: "done", text: "found" },
    { type: "text", text: "The answer." },
  ];
  const html = render(turnOf(parts.map(shrunkPart)));
  expect(textOf(html)).toContain("Data: reading");
  expect(textOf(html)).toContain("search done");
  expect(textOf(html)).toContain("The answer.");
  expect(html).not.toContain("<details");
});

test("the agent is told to be thinking until there is something of it to see", () => {
  expect(wordsOf(runningOf([]))).toContain("The agent is thinking");
  expect(wordsOf(runningOf([{ type: "reasoning", text: "" }]))).toContain("Thinking…");
  expect(wordsOf(runningOf([{ type: "text", text: "W" }]))).not.toContain("thinking");
  expect(wordsOf(runningOf([{ ...CALL, state: "done" }]))).toContain("The agent is thinking");
});

test("what an agent calls things is one line that turns nothing around it", () => {
  const name = `\u202E${"x".repeat(500)}\nsecond`;
  const html = render(
    turnOf([
      { type: "tool", call: "c", name, state: "done" },
      { type: "data", name, value: 1 },
    ]),
  );
  expect(textOf(html)).not.toMatch(/\u202E|second/);
});
