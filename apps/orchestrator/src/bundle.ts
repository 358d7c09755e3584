import { createRequire } from "node:module";
import { bundleWorkflowCode, type BundleOptions, DefaultLogger, type WorkflowBundle } from "@temporalio/worker";

const require = createRequire(import.meta.url);

/** Bundles the workflow code for the SDK's sandbox. Takes a second or two. */
export async function bundleWorkflows(
  logger: NonNullable<BundleOptions["logger"]> = new DefaultLogger("WARN"),
): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath: require.resolve("@holdfast/workflows"),
    payloadConverterPath: require.resolve("@holdfast/workflows/payload-converter"),
    logger,
  });
}
