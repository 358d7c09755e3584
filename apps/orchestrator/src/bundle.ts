import { createRequire } from "node:module";
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from "@temporalio/worker";

const require = createRequire(import.meta.url);

/** For all but our own code, which knows what it does, and packages. */
const AGENTS_LOOPS = {
  test: /\.[cm]?[jt]s$/,
  exclude: [/node_modules/, /workflows\/src\/(session|payload-converter)/, /packages\/contract/],
  enforce: "post" as const,
  loader: require.resolve("./loop-loader.ts"),
  options: { guard: require.resolve("@holdfast/workflows/loop-guard") },
};

/** The first of webpack's errors: where, and what. */
const FIRST_ERROR = /^ERROR in (?<place>[^\n]+)\n(?<what>[^\n]+)/m;

/**
 * Bundles the workflow code for the SDK's sandbox: this repository's unless told otherwise. Takes a second or two. Rejects with
 * the bundler's first error; the SDK's own says only that there were some.
 */
export async function bundleWorkflows(
  workflowsPath: string = require.resolve("@holdfast/workflows"),
): Promise<WorkflowBundle> {
  let said = "";
  const logger = new DefaultLogger("WARN", ({ message }) => {
    said += `${message}\n`;
  });
  try {
    return await bundleWorkflowCode({
      workflowsPath,
      payloadConverterPath: require.resolve("@holdfast/workflows/payload-converter"),
      logger,
      webpackConfigHook: (config) => ({
        ...config,
        module: { ...config.module, rules: [...(config.module?.rules ?? []), AGENTS_LOOPS] },
      }),
    });
  } catch (error) {
    const { place, what } = FIRST_ERROR.exec(said)?.groups ?? {};
    if (what === undefined || place === undefined) throw error;
    throw new Error(`${place.replace(/ (\d+):[\d-]+$/, ":$1")}: ${what}`, { cause: error });
  }
}
