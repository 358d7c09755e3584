import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { reapLeftover, removePidFile, writePidFile } from "./pid-file.ts";
import { StackError } from "../stack-error.ts";
import { type ChildEvent, type ChildSpec, type ChildStatus, SupervisedChild } from "./supervised-child.ts";

export interface SupervisorOptions {
  /** Folder of pid files: what a crash left running is found through them at the next start. */
  runDir: string;
  /** Milliseconds between SIGTERM and SIGKILL. */
  graceMs: number;
  onEvent?: (event: ChildEvent) => void;
}

/** Starts children stage by stage, keeps them running, and stops them in reverse. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stages: SupervisedChild[][] = [];
  #stopped: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    mkdirSync(options.runDir, { recursive: true });
  }

  /** Starts the children of a stage together; resolves when all are ready. On a failure the caller must `stop`. */
  async startStage(specs: readonly ChildSpec[]): Promise<void> {
    if (this.#stopped !== undefined) throw new StackError("child_failed", "The stack is being stopped.");
    const children = specs.map((spec) => new SupervisedChild(this.#withPidFile(spec), (event) => this.#tell(event)));
    this.#stages.push(children);
    await Promise.all(children.map((child) => child.start()));
  }

  children(): ChildStatus[] {
    return this.#stages.flat().map((child) => child.status);
  }

  /** Throws when there is no child of that name. */
  child(name: string): SupervisedChild {
    const child = this.#stages.flat().find(({ spec }) => spec.name === name);
    if (child === undefined) throw new Error(`There is no child named ${name}.`);
    return child;
  }

  has(name: string): boolean {
    return this.#stages.flat().some(({ spec }) => spec.name === name);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopStages();
    return this.#stopped;
  }

  /** Ends everything at once, and starts none of it again; for an impatient second Ctrl-C. `stop` tells when it is done. */
  killAll(): void {
    for (const child of this.#stages.flat()) child.end();
  }

  async #stopStages(): Promise<void> {
    for (const stage of this.#stages.toReversed()) {
      await Promise.all(stage.map((child) => child.stop(this.#options.graceMs)));
    }
  }

  #tell(event: ChildEvent): void {
    this.#options.onEvent?.(event);
  }

  #withPidFile(spec: ChildSpec): ChildSpec {
    const pidFile = join(this.#options.runDir, `${spec.name}.pid`);
    return {
      ...spec,
      launch: async () => {
        const launched = await spec.launch();
        writePidFile(pidFile, launched.pid);
        void launched.exited.then(() => removePidFile(pidFile));
        return launched;
      },
    };
  }
}

/** Ends what a crashed run on the same data folder left running. Returns the names. */
export async function reapLeftovers(runDir: string): Promise<string[]> {
  mkdirSync(runDir, { recursive: true });
  const names = readdirSync(runDir)
    .filter((file) => file.endsWith(".pid"))
    .map((file) => file.slice(0, -".pid".length));
  const reaped = await Promise.all(names.map((name) => reapLeftover(join(runDir, `${name}.pid`))));
  return names.filter((_, index) => reaped[index] !== undefined);
}
