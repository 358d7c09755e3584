import { join } from "node:path";
import { startGuarded, untilReady } from "../guarded-process.ts";
import { rotateLargeLog } from "./log-file.ts";
import type { ChildSpec, Launched } from "./supervised-child.ts";

/** One process of Holdfast itself. */
export interface AppSpec {
  name: string;
  /** Folder under `apps/`; its entry point is `src/main.ts`. */
  app: string;
  /** Where it serves /readyz. */
  port: number;
  /** Asked at every start. */
  env: () => Record<string, string>;
  logFile: string;
  /** Root of the source tree it runs from, asked at every start: a restart may bring another build. */
  root: () => string;
  waitForCode: boolean;
}

export function appChild(spec: AppSpec): ChildSpec {
  const { name, logFile, waitForCode } = spec;
  return { name, logFile, waitForCode, launch: () => launchApp(spec) };
}

async function launchApp(spec: AppSpec): Promise<Launched> {
  rotateLargeLog(spec.logFile);
  const root = spec.root();
  const program = await startGuarded(process.execPath, [join(root, "apps", spec.app, "src", "main.ts")], {
    cwd: root,
    stdin: true,
    logFile: spec.logFile,
    env: { ...inheritedEnvironment(), ...spec.env(), HOLDFAST_SUPERVISED: "1" },
  });
  const readyz = `http://127.0.0.1:${spec.port}/readyz`;
  return { ...program, ready: untilReady(program, spec.name, () => isReady(readyz)) };
}

/** Without our own variables: what an app is told is what its spec says, not what happens to be set around it. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_")));
}

/** Throws with the app's own reason when it is not ready. */
async function isReady(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  if (!response.ok) throw new Error(await response.text());
  return true;
}
