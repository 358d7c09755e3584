import type { Reporter, TestCase } from "vitest/node";

const WORDS = { passed: "holds    ", failed: "BROKEN   ", skipped: "not tried", pending: "hangs    " } as const;

/** Tells of each rule, as it comes, whether it holds. */
export default class ConformanceReporter implements Reporter {
  readonly #counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };

  onTestCaseResult(test: TestCase): void {
    const { state, errors = [] } = test.result();
    this.#counts[state]++;
    console.log(`${WORDS[state]} ${test.name}`);
    for (const { message, diff } of errors)
      console.log(`          ${diff ?? message}`.replaceAll("\n", "\n          "));
  }

  onTestRunEnd(_modules: unknown, unhandled: readonly { message: string }[]): void {
    for (const { message } of unhandled) console.log(`BROKEN    ${message}`);
    const { passed, failed, skipped } = this.#counts;
    const needed = skipped > 0 ? " (they need --secret, or --scripted)" : "";
    console.log(`\n${passed} hold, ${failed} broken, ${skipped} not tried${needed}`);
  }
}
