import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { StackError } from "@holdfast/stack/stack-error";
import { expect, test } from "vitest";
import { vacuity } from "../kit/report.ts";
import { runUnder } from "../kit/run.ts";
import { attackOf, OUTAGES } from "./outages.ts";
import { openProductionFixture } from "./production-fixture.ts";
import { findPrograms } from "./programs.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const NOWHERE = {
  HOLDFAST_POSTGRES_BIN: "/nowhere",
  HOLDFAST_TEMPORAL_SERVER: "/nowhere/temporal-server",
  HOLDFAST_TEMPORAL_SQL_TOOL: "/nowhere/temporal-sql-tool",
};

test("the command names every program that is missing, in one go, and what to do", async () => {
  const run = promisify(execFile)(process.execPath, [MAIN], { env: { ...process.env, ...NOWHERE } });
  const failure: unknown = await run.catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 1 });
  for (const variable of Object.keys(NOWHERE))
    expect(failure).toMatchObject({ stderr: expect.stringContaining(variable) });
});

/** A bound on a hang: two databases are made, a whole Holdfast starts, and dies in part. */
const timeout = 600_000;

/** Whoever has the two servers runs a whole outage on them; who has not is told what to install for it. */
test("Holdfast on a production Temporal gets over its PostgreSQL's death", { timeout }, async ({ annotate }) => {
  const programs = await findPrograms().catch((error: unknown) => {
    if (error instanceof StackError) return error;
    throw error;
  });
  if (programs instanceof StackError) {
    await annotate(`Not tried on this machine. ${programs.message}`);
    expect(programs).toMatchObject({ code: "no_binary", message: expect.stringMatching(/HOLDFAST_\w+|create one/) });
    return;
  }
  const fixture = await openProductionFixture(programs);
  try {
    const outage = OUTAGES.find(({ name }) => name === "postgres-kill");
    if (outage === undefined) throw new Error("There is no such outage.");
    const options = { name: outage.name, seed: 1, durationMs: 0, clients: 4 };
    const result = await runUnder(fixture, options, attackOf(fixture, outage));
    expect(result.violations).toEqual([]);
    expect(vacuity([result])).toBeUndefined();
    expect(result.acked).toBeGreaterThan(4);
  } finally {
    await fixture.close();
  }
});
