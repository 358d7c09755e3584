import { expect, test } from "vitest";
import { killed, see, seeChildren, type Sight } from "./recovery.ts";

const child = { name: "edge-1", pid: 7, state: "ready" as const, restarts: 0 };
const base: Sight = { at: 1000, connected: true, version: 3, turn: 2, running: true, index: 4, text: "One two" };

function watch(...sights: Partial<Sight>[]) {
  let last = base;
  let recovery = killed(child, base);
  for (const change of sights) {
    last = { ...last, ...change };
    recovery = see(recovery, last);
  }
  return recovery;
}

test("the next frame and the longest silence are told apart", () => {
  const recovery = watch(
    { at: 1010, index: 5, text: "One two three" },
    { at: 2510, index: 6, text: "One two three four" },
  );
  expect(recovery).toMatchObject({ nextFrameMs: 10, silenceMs: 1500, takenBack: 0, turnOver: false });
});

test("a connection's loss is counted until it is back", () => {
  const recovery = watch({ at: 1100, connected: false }, { at: 1300, connected: false }, { at: 1400, connected: true });
  expect(recovery).toMatchObject({ reconnects: 1, offlineMs: 300, nextFrameMs: undefined });
});

test("a rewind's lost characters are counted, a continued text has none", () => {
  expect(watch({ at: 1100, index: 5, text: "One" }, { at: 1200, index: 6, text: "One, two" }).takenBack).toBe(4);
  expect(watch({ at: 1100, index: 5, text: "One two three" }).takenBack).toBe(0);
});

test("after the turn's end later turns do not count", () => {
  const ended = { at: 1100, version: 4, running: false, index: 0, text: "One two three." };
  const recovery = watch(ended, { at: 9000, version: 5, turn: 3, running: true, text: "" });
  expect(recovery).toMatchObject({ turnOver: true, silenceMs: 100, takenBack: 0 });
});

test("a settled recovery takes no more", () => {
  const settled = seeChildren(killed(child, { ...base, running: false }), [{ ...child, pid: 8 }], 1500);
  expect(see(settled, { ...base, at: 9000, connected: false })).toBe(settled);
});

test("a process is back when another one runs in its place", () => {
  const recovery = killed(child, base);
  expect(seeChildren(recovery, [child], 1200).backMs).toBeUndefined();
  expect(seeChildren(recovery, [{ ...child, state: "starting", pid: 8 }], 1300).backMs).toBeUndefined();
  expect(seeChildren(recovery, [{ ...child, pid: 8, restarts: 1 }], 1500).backMs).toBe(500);
});
