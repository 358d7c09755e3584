import fc from "fast-check";
import { expect, test } from "vitest";
import { LogFollower, SessionLog } from "../src/index.ts";
import { describeBackends } from "./backends.ts";
import { ModelRun, OPERATIONS, type Operation } from "./model-run.ts";
import { newKey, wholeOf } from "./story.ts";

const names = Object.keys(OPERATIONS) as Operation[];
const operation = fc.oneof(...names.map((name) => ({ arbitrary: fc.constant(name), weight: OPERATIONS[name] })));
const operations = fc.array(fc.tuple(operation, fc.nat(5039)), { minLength: 20, maxLength: 60, size: "max" });

describeBackends("convergence", (backend) => {
  test("chain-3, turn-4: whatever is lost, repeated or overtaken, readers show no garbled parts and end with the truth", async () => {
    const connection = await backend.connect("commands");
    const log = new SessionLog(connection);
    const follower = new LogFollower(await backend.connect("subscriber"));
    const property = fc.asyncProperty(operations, async (planned) => {
      const key = newKey();
      const run = new ModelRun(connection, log, key);
      const leave = await follower.follow(key, (frame) => run.deaf || run.readers.live.hear(wholeOf(frame)));
      try {
        for (const [name, n] of planned) {
          await run.perform(name, n);
          expect(run.complaints()).toEqual([]);
        }
        const { held, truth } = await run.converge();
        expect(held).toEqual([truth, truth]);
        expect(run.complaints()).toEqual([]);
      } finally {
        await leave();
      }
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
