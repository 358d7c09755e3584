import { bundleWorkflows } from "@holdfast/orchestrator/src/bundle.ts";
import { expect, test } from "vitest";

test("the workflow bundle builds, and no validation library, log or activity code is in it", async () => {
  const { code } = await bundleWorkflows();
  const modules = code.slice(0, code.lastIndexOf("//# sourceMappingURL="));
  expect(modules).toContain("/workflows/src/session/workflow.ts");
  for (const foreign of ["/zod/", "/ioredis/", "/activities/", "/session-log/", "/pino/", "/ai/"]) {
    expect(modules).not.toContain(foreign);
  }
});
