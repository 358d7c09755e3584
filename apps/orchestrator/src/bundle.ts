import { createRequire } from "node:module";
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from "@temporalio/worker";

const require = createRequire(import.meta.url);

/** Bundles the workflow code for the SDK's sandbox: this repository's unless told otherwise. Takes a second or two. */
export async function bundleWorkflows(
  workflowsPath: string = require.resolve("@holdfast/workflows"),
): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath,
    payloadConverterPath: require.resolve("@holdfast/workflows/payload-converter"),
    logger: new DefaultLogger("WARN"),
  });
}
