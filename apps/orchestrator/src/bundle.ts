import { createRequire } from "node:module";
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from "@temporalio/worker";

const require = createRequire(import.meta.url);

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
    });
  } catch (error) {
    const { place, what } = FIRST_ERROR.exec(said)?.groups ?? {};
    if (what === undefined || place === undefined) throw error;
    throw new Error(`${place.replace(/ (\d+):[\d-]+$/, ":$1")}: ${what}`, { cause: error });
  }
}
