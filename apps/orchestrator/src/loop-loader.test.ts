import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { guarded } from "./loop-loader.ts";

/** Runs code whose rounds are counted, and ends it after so many. */
function roundsOf(code: string, most = 1_000): number {
  let rounds = 0;
  runInNewContext(guarded(code), {
    holdfastRound: () => {
      if (++rounds > most) throw new Error("too many");
    },
  });
  return rounds;
}

test.for([
  ["for (let i = 0; i < 3; i++) ;", 3],
  ["for (let i = 0; i < 3; i++) { let j = 0; while (j < 2) j++; }", 9],
  ["for (const x of [1, 2]) for (const y in { a: 1, b: 2 }) if (x) continue;", 6],
  ["let i = 0; do i++; while (i < 4)", 4],
  ["let i = 0; outer: while (true) { for (;;) { if (++i > 2) break outer; } }", 4],
  [
    "const f = () => { let n = 0; do { n++ } while (n < 2) }; f(); class A { m() { for (const _ of [1]) {} } } new A().m();",
    3,
  ],
] as const)("each round of each loop is counted, and the code does what it did: %s", ([code, rounds]) => {
  expect(roundsOf(code)).toBe(rounds);
});

test.for(["for (;;);", "while (true) { try { for (;;) ; } catch {} }", "do ; while (true)"])(
  "an endless loop ends: %s",
  (code) => {
    expect(() => roundsOf(code)).toThrow("too many");
  },
);

test("a round that awaits weighs more, one whose function does not", () => {
  expect(guarded("async () => { for (;;) await x; }")).toContain("{holdfastRound(100);await x;}");
  expect(guarded("async () => { for await (const y of x); }")).toContain("{holdfastRound(100);;}");
  expect(guarded("for (;;) { f(async () => await x); }")).toContain("{holdfastRound(); f(");
});

test("lines stay where they are", () => {
  const code = "while (\n  true\n)\n  break;\nfor (;;) {\n  break;\n}\n";
  expect(guarded(code).split("\n")).toHaveLength(code.split("\n").length);
});
