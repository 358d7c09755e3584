import { createRequire } from "node:module";
import { bundleWorkflowCode, type BundleOptions, type WorkflowBundle } from "@temporalio/worker";

const require = createRequire(import.meta.url);

/** Module path a worker of these workflows has to be given, and so has whatever replays them. */
export const PAYLOAD_CONVERTER_PATH = require.resolve("@holdfast/workflows/payload-converter");

/** Bundles the workflow code for the SDK's sandbox. Takes a second or two. */
export async function bundleWorkflows(logger?: BundleOptions["logger"]): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath: require.resolve("@holdfast/workflows"),
    payloadConverterPath: PAYLOAD_CONVERTER_PATH,
    ...(logger === undefined ? {} : { logger }),
  });
}
