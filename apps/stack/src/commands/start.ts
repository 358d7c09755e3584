import { join } from "node:path";
import pc from "picocolors";
import { type ChildEvent, type Stack, startStack } from "../stack.ts";
import { takeLock } from "../lock.ts";
import { panel } from "./panel.ts";
import { DATA_DIR } from "../paths.ts";
import { requireFreePorts } from "../ports.ts";
import { developmentSecret, loadSettings, type Settings } from "./settings.ts";
import { StackError } from "../stack-error.ts";
import { portClaims } from "../stack-ports.ts";
import { reapLeftovers } from "../supervision/supervisor.ts";
import { type StopSignal, untilStopped } from "./stop-signal.ts";

/** `npm start`: runs until it is told to stop. Rejects with a `StackError` before anything is left running. */
export async function start(options: { portBase: number }): Promise<void> {
  const settings = loadSettings(options.portBase);
  const lock = takeLock(join(DATA_DIR, "lock"));
  if (lock.outcome === "held") {
    throw new StackError(
      "already_running",
      `Holdfast is already running here (process ${lock.pid}): open http://localhost:${settings.ports.web}, or stop it ` +
        "with Ctrl-C in its terminal. To run a second one, give it another HOLDFAST_DATA_DIR and --port-base.",
    );
  }
  try {
    await run(settings);
  } finally {
    lock.release();
  }
}

async function run(settings: Settings): Promise<void> {
  const signals = untilStopped();
  for (const name of await reapLeftovers(join(DATA_DIR, "run")))
    say(`ended ${name}, left over from a run that crashed`);
  const { ports, temporalAddress, redisUrl } = settings;
  const claims = portClaims(ports, { temporal: temporalAddress !== undefined, valkey: redisUrl !== undefined });
  await requireFreePorts(claims);
  say("starting");
  void signals.promise.then((why) =>
    say(`stopping (${why}); ${why === "Ctrl-C" ? "once more" : "Ctrl-C"} ends it at once`),
  );
  signals.hurry.addEventListener("abort", () => say("ending everything at once"));
  const stack = await startUnlessStopped(settings, signals);
  if (stack === undefined) return;
  console.log(panel(stack));
  await signals.promise;
  await stack.stop();
  say("stopped; sessions are kept and go on at the next start");
}

/** Undefined when it was told to stop while starting; what had been started has then been stopped. */
async function startUnlessStopped(settings: Settings, signals: StopSignal): Promise<Stack | undefined> {
  try {
    return await startStack({
      edges: settings.edges,
      ports: settings.ports,
      dir: DATA_DIR,
      temporalUi: true,
      console: true,
      web: true,
      temporalAddress: settings.temporalAddress,
      redisUrl: settings.redisUrl,
      jwtSecret: settings.jwtSecret ?? developmentSecret(DATA_DIR),
      graceMs: settings.graceMs,
      env: { all: settings.passedOn },
      signals,
      onProgress: say,
      onEvent: (event) => say(describe(event)),
    });
  } catch (error) {
    if (signals.stop.aborted) return undefined;
    throw error;
  }
}

function say(line: string): void {
  console.log(`${pc.dim("·")} ${line}`);
}

function describe(event: ChildEvent): string {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  switch (event.type) {
    case "ready":
      return event.restarts === 0
        ? `${event.name} is ready ${pc.dim(`(${seconds(event.afterMs)})`)}`
        : `${event.name} is back ${pc.dim(`(${seconds(event.afterMs)})`)}`;
    case "ended": {
      const how = event.exit.signal ?? `exit code ${event.exit.code}`;
      return pc.yellow(`${event.name} ended (${how}); starting it again in ${seconds(event.retryInMs)}`);
    }
  }
}
