import { expect, test } from "vitest";
import { clientError } from "./errors.ts";
import { Milestone } from "./milestone.ts";

test("ack-1: the promise resolves whether it was asked for before or after the milestone was reached", async () => {
  const early = new Milestone();
  const promise = early.promise;
  early.reach();
  await expect(promise).resolves.toBeUndefined();
  const late = new Milestone();
  late.reach();
  await expect(late.promise).resolves.toBeUndefined();
});

test("the first outcome stands", async () => {
  const milestone = new Milestone();
  milestone.fail(clientError("closed"));
  milestone.reach();
  await expect(milestone.promise).rejects.toMatchObject({ code: "closed" });
});

test("a failure nobody waits for is not an unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", listener);
  const milestone = new Milestone();
  void milestone.promise;
  milestone.fail(clientError("closed"));
  // Unhandled rejections are reported once the microtasks are done: two turns of the event loop are enough.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  process.off("unhandledRejection", listener);
  expect(unhandled).toEqual([]);
});
