/**
 * Bundles the workflows and keeps the bundle, so that no start has to: `node apps/orchestrator/src/prepare.ts`, for images.
 * An orchestrator that finds none runs this as a process of its own and is sent the bundle, kept or not.
 */
import { bundleWorkflows } from "./bundle.ts";
import { makeBundle, ROOT } from "./workflow-bundle.ts";

const { code, unkept } = await makeBundle(ROOT, async () => (await bundleWorkflows()).code);
if (unkept !== undefined) console.error(`The workflow bundle could not be kept: ${unkept.message}`);
if (process.send === undefined) process.exitCode = unkept === undefined ? 0 : 1;
// Whoever asked may have been killed meanwhile; its successor finds what was kept.
else process.send(code, () => process.connected && process.disconnect());
