import { createRequire } from "node:module";
import vm from "node:vm";

/**
 * Preloaded into the SDK's workflow thread by `lean-sandbox.ts`, which says why. It changes two things of the SDK, and refuses
 * to load where it does not find them as it knows them: `lean-sandbox.test.ts` tries it with the SDK that is installed.
 */

/** Milliseconds that one activation of one workflow may hold the thread; the SDK's own limit for each call into its sandbox. */
const TIME_LIMIT_MS = 5_000;

interface VMWorkflow {
  activator: { info: { runId: string }; errorToFailure(error: unknown): unknown };
}
type Activate = (this: VMWorkflow, activation: unknown) => Promise<unknown>;

/** What is used of the SDK's `lib/workflow/vm-shared.js`. */
interface SharedModule {
  globalHandlers: { setPromiseHook: () => void };
  BaseVMWorkflow: { prototype: { activate: Activate } };
}

const { globalHandlers, BaseVMWorkflow } = sharedModule();
const { prototype } = BaseVMWorkflow;
const { activate } = prototype;
type RunInContext = (this: vm.Script, context: vm.Context, options?: vm.RunningScriptInNewContextOptions) => unknown;
const script: { runInContext: RunInContext } = vm.Script.prototype;
const { runInContext } = script;

// The SDK asks for the stack of every promise that a workflow makes.
globalHandlers.setPromiseHook = () => {};

// The SDK calls into the sandbox several times in an activation, one after the other without a wait between them, each with a
// time limit of its own, for which Node makes a thread and joins it. Here they share the limit of the activation.
let isLimited = false;
script.runInContext = function (context, { timeout, ...options } = {}) {
  const isAlone = timeout !== undefined && !isLimited;
  return runInContext.call(this, context, isAlone ? { ...options, timeout } : options);
};
prototype.activate = async function (activation) {
  try {
    return await withinTimeLimit(() => activate.call(this, activation));
  } catch (error) {
    // As the SDK does with what its own limits throw.
    const { activator } = this;
    return { runId: activator.info.runId, failed: { failure: activator.errorToFailure(error) } };
  }
};

/** What the script calls. A script reaches only what is global. */
let limitedCall = (): void => {};
Object.assign(globalThis, { __HOLDFAST_LIMITED__: () => limitedCall() });
const limited = new vm.Script("globalThis.__HOLDFAST_LIMITED__()");

/** Calls `run`, and throws ERR_SCRIPT_EXECUTION_TIMEOUT in its place where it does not return in time: no `finally` within it is reached. */
function withinTimeLimit<T>(run: () => T): T {
  let returned: { value: T } | undefined;
  limitedCall = () => {
    returned = { value: run() };
  };
  isLimited = true;
  try {
    limited.runInThisContext({ timeout: TIME_LIMIT_MS });
  } finally {
    isLimited = false;
  }
  if (returned === undefined) throw new Error("A limited call did not return and did not throw.");
  return returned.value;
}

function sharedModule(): SharedModule {
  const path = "@temporalio/worker/lib/workflow/vm-shared";
  const found: unknown = createRequire(import.meta.url)(path);
  if (!isSharedModule(found)) throw new Error(`${path} is not as this release knows it: set HOLDFAST_SANDBOX=stock.`);
  return found;
}

function isSharedModule(found: unknown): found is SharedModule {
  if (typeof found !== "object" || found === null) return false;
  if (!("globalHandlers" in found) || !("BaseVMWorkflow" in found)) return false;
  const { globalHandlers: handlers, BaseVMWorkflow: workflow } = found;
  if (typeof handlers !== "object" || handlers === null || typeof workflow !== "function") return false;
  const proto: unknown = workflow.prototype;
  const hasHook = "setPromiseHook" in handlers && typeof handlers.setPromiseHook === "function";
  return hasHook && typeof proto === "object" && proto !== null && "activate" in proto;
}
