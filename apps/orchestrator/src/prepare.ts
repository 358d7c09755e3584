/**
 * Loads the agents, bundles the workflows and keeps the bundle, so that no start has to: `node apps/orchestrator/src/prepare.ts`,
 * for images. Who runs this as a process of its own is sent the agents' names and the bundle, or what is wrong with them.
 */
import { agentCodeError, checkNames, EXIT_AGENT_CODE } from "./agent-code.ts";
import { bundleWorkflows } from "./bundle.ts";
import { makeBundle, type Prepared, ROOT, storedBundle } from "./workflow-bundle.ts";

async function prepare(): Promise<Prepared> {
  try {
    // Node tells the line of a mistake, where the bundler shows pages; and what it cannot load is refused though it would bundle.
    const { agentNames } = await import("@holdfast/workflows/agents/registry");
    const agents = agentNames();
    checkNames(agents);
    const stored = await storedBundle(ROOT);
    if (stored !== undefined) return { agents, code: stored };
    const { code, unkept } = await makeBundle(ROOT, async () => (await bundleWorkflows()).code);
    if (unkept !== undefined) console.error(`The workflow bundle could not be kept: ${unkept.message}`);
    return { agents, code };
  } catch (error) {
    return { problem: agentCodeError(error, ROOT).message };
  }
}

const prepared = await prepare();
if ("problem" in prepared) {
  process.exitCode = EXIT_AGENT_CODE;
  if (process.send === undefined) console.error(prepared.problem);
}
// Whoever asked may have been killed meanwhile; its successor finds what was kept.
process.send?.(prepared, () => process.connected && process.disconnect());
