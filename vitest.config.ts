import { configDefaults, defineConfig } from "vitest/config";

/** Start servers or workers for one folder's sake. */
const INTEGRATION = ["{packages,apps,workflows,activities}/**/test/**/*.test.{ts,tsx}", "apps/stack/**/*.test.ts"];
/** Start the whole of it. */
const E2E = ["apps/stack/src/start.test.ts", "test/**/*.test.ts"];
const BROWSER = ["test/browser/**/*.test.ts"];
/** Read files and nothing else, wherever they are. */
const STATIC = ["test/{architecture,docker}.test.ts"];

/**
 * Four projects, one after the other (`groupOrder`), the fast ones first. Timeouts are bounds on a hang, not measures of
 * speed: a loaded machine with two cores must never fail a test that is right.
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
          include: ["**/*.test.{ts,tsx}"],
          exclude: [
            "test/{browser,builds,chaos,conformance,e2e,foreign-client,production,recovery,redis-topologies,replay,skew,soak}/**",
            ...INTEGRATION,
            ...BROWSER,
            ...E2E.slice(0, 1),
          ],
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: INTEGRATION,
          exclude: E2E,
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          testTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: E2E,
          exclude: [...BROWSER, ...STATIC, "test/{kit,model-server}/**"],
          sequence: { groupOrder: 2 },
          // Each file starts a stack of its own, and waits for half of its time: for a lease, an election, a back-off.
          maxWorkers: 2,
          testTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: BROWSER,
          sequence: { groupOrder: 3 },
          // One file waits for a process of its stack while the other one's page computes.
          maxWorkers: 2,
          testTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
    ],
  },
});
