import pc from "picocolors";
import { runTool } from "./script.ts";
import { test } from "./test.ts";

interface Step {
  name: string;
  run: () => Promise<number>;
  /** What to do about a failure. */
  hint: string;
}

const STEPS: readonly Step[] = [
  { name: "format", run: () => runTool("oxfmt", ["--check", "."]), hint: "npm run format" },
  { name: "lint", run: () => runTool("oxlint", ["--type-aware", "--deny-warnings"]), hint: "npm run lint" },
  { name: "types", run: () => runTool("tsc", ["-p", "tsconfig.json", "--noEmit"]), hint: "npm run types" },
  { name: "dead code", run: () => runTool("knip", []), hint: "npm run deadcode" },
];
const TESTS: Step = { name: "tests", run: () => test([]), hint: "npm test" };

/** `npm run check`: runs every step, also after one failed, and sums up. Returns the exit code. */
export async function check(options: { tests: boolean }): Promise<number> {
  const failed: Step[] = [];
  const steps = options.tests ? [...STEPS, TESTS] : STEPS;
  for (const step of steps) {
    console.log(pc.bold(`\n▶ ${step.name}`));
    if ((await step.run()) !== 0) failed.push(step);
  }
  console.log("");
  for (const step of steps) {
    const bad = failed.includes(step);
    console.log(bad ? pc.red(`✗ ${step.name}: see above; alone: ${step.hint}`) : pc.green(`✓ ${step.name}`));
  }
  return failed.length === 0 ? 0 : 1;
}
