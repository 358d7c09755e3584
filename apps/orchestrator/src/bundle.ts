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

/** Bundles the workflow code for the SDK's sandbox: this repository's unless told otherwise. Takes a second or two. */
export async function bundleWorkflows(
  workflowsPath: string = require.resolve("@holdfast/workflows"),
): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath,
    payloadConverterPath: require.resolve("@holdfast/workflows/payload-converter"),
    logger: new DefaultLogger("WARN"),
    webpackConfigHook: (config) => ({
      ...config,
      module: { ...config.module, rules: [...(config.module?.rules ?? []), AGENTS_LOOPS] },
    }),
  });
}
