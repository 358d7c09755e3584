import { appendFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT } from "../paths.ts";
import { ErrorWatch } from "./error-watch.ts";
import { readableLog } from "./log-line.ts";

let dir: string;
let path: string;
let watch: ErrorWatch;
let shown: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "holdfast-errors-"));
  path = join(dir, "orchestrator.log");
  shown = [];
  watch = new ErrorWatch([{ name: "orchestrator", path }], (line) => shown.push(line));
});
afterEach(async () => {
  watch.stop();
  await rm(dir, { recursive: true, force: true });
});

function line(level: number, msg: string, error?: { message: string; stack?: string }, key = "err"): string {
  return `${JSON.stringify({ level, time: 1, app: "orchestrator", [key]: error, msg })}\n`;
}

test("an agent's exception is one line: what, where in its code, and the log", () => {
  const stack = `Error: the harbour is closed\n    at closed (${ROOT}/packages/x.ts:1:1)\n    at onTurn (${ROOT}/workflows/src/agents/greeter.ts:12:7)`;
  writeFileSync(
    path,
    line(30, "fine") + line(50, "the agent failed", { message: "the harbour is closed\nmore", stack }),
  );
  watch.look();
  expect(shown).toEqual([
    `orchestrator: the agent failed: the harbour is closed (workflows/src/agents/greeter.ts:12); more in ${path}`,
  ]);
});

test("what workflow code tells of an error is a text, said once, with its place", () => {
  const error = "Error: the harbour is closed\n    at Object.onTurn (/x/workflows/src/agents/greeter.ts:8:37)";
  const msg = 'the code of agent "greeter" threw: Error: the harbour is closed';
  writeFileSync(path, `${JSON.stringify({ level: 50, error, msg })}\n`);
  watch.look();
  expect(shown).toEqual([`orchestrator: ${msg} (/x/workflows/src/agents/greeter.ts:8); more in ${path}`]);
});

test("the SDK's name for an error is known, warnings are not shown, half a line waits for its other half", () => {
  const whole = line(50, "Failing workflow task", { message: "nondeterminism" }, "error");
  writeFileSync(path, line(40, "only a warning") + whole.slice(0, 20));
  watch.look();
  expect(shown).toEqual([]);
  appendFileSync(path, whole.slice(20));
  watch.look();
  expect(shown).toEqual([`orchestrator: Failing workflow task: nondeterminism; more in ${path}`]);
});

test("a flood of the same line is one line, and one of different lines is cut with a count", () => {
  writeFileSync(path, Array.from({ length: 500 }, (_, index) => line(50, `session ${index} failed`)).join(""));
  watch.look();
  expect(shown).toHaveLength(1);
  const letters = "abcdefghijklmnopqrstuvwxyz".split("");
  appendFileSync(path, letters.map((letter) => line(50, `failure ${letter}`)).join(""));
  watch.look();
  expect(shown).toHaveLength(8);
});

test("a log that is rotated or not there yet is read from its beginning", () => {
  watch.look();
  writeFileSync(path, line(50, "first"));
  watch.look();
  renameSync(path, `${path}.1`);
  writeFileSync(path, line(60, "second"));
  watch.look();
  rmSync(path);
  watch.look();
  expect(shown.map((text) => text.split(";")[0])).toEqual(["orchestrator: first", "orchestrator: second"]);
});

test("a program's last words are shown without JSON, and of that what went wrong", () => {
  const text = `${line(30, "listens")}${line(60, "HOLDFAST_X is wrong")}plain words\n`;
  expect(readableLog(text)).toBe("HOLDFAST_X is wrong\nplain words");
  expect(readableLog(line(30, "listens"))).toBe("listens");
});
