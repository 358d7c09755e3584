import { configDefaults, defineConfig } from "vitest/config";

/**
 * Three projects, run one after the other (`groupOrder`), the fast ones first. Timeouts are bounds on a hang, not
 * measures of speed: a loaded machine with two cores must never fail a test that is right.
 */
export default defineConfig({
  test: {
    globalSetup: ["test/setup/provision.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    exclude: [...configDefaults.exclude, "**/.holdfast/**"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "{packages,apps,bench}/**/*.test.{ts,tsx}",
            "{workflows,activities,test/model-server}/**/*.test.ts",
            "test/{architecture,docker}.test.ts",
          ],
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/**/*.test.ts"],
          exclude: ["test/{browser,model-server}/**", "test/{architecture,docker}.test.ts"],
          sequence: { groupOrder: 1 },
          // Each file starts processes of its own; two files at a time would only take the cores from one another.
          fileParallelism: false,
          testTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          sequence: { groupOrder: 2 },
          fileParallelism: false,
          testTimeout: 180_000,
        },
      },
    ],
  },
});
