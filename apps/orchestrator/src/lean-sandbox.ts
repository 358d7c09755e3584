import workerThreads from "node:worker_threads";

const PRELOAD = new URL("./workflow-thread.ts", import.meta.url).href;
const SDK_THREAD = /[\\/]workflow-worker-thread(\.js)?$/;

/**
 * Makes a worker (`create`) whose workflow thread does without two costs. The SDK's own thread asks for the stack of every promise
 * that workflow code makes, so that its Query `__stack_trace` can answer, and guards every call into its sandbox by a thread made
 * for that call. A preload in that thread leaves out the stacks and puts one guard around each activation: a workflow that loops
 * for ever still ends after five seconds.
 *
 * The SDK has no option for a preload and none for these two, so its constructor of threads is exchanged while it makes them.
 */
export async function withLeanSandbox<T>(create: () => Promise<T>): Promise<T> {
  const { Worker } = workerThreads;
  class WorkerThread extends Worker {
    constructor(file: string | URL, options?: workerThreads.WorkerOptions) {
      const isSdk = typeof file === "string" && SDK_THREAD.test(file);
      super(file, isSdk ? { ...options, execArgv: [...process.execArgv, "--import", PRELOAD] } : options);
    }
  }
  workerThreads.Worker = WorkerThread;
  try {
    return await create();
  } finally {
    workerThreads.Worker = Worker;
  }
}
