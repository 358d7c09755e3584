import { join, relative } from "node:path";
import pc from "picocolors";
import { type ChildEvent, type Stack, startStack } from "../stack.ts";
import { takeLock } from "../lock.ts";
import { Agents, watchCode } from "./agents.ts";
import { modelName, modelWarning } from "./model-check.ts";
import { panel } from "./panel.ts";
import { DATA_DIR } from "../paths.ts";
import { requireFreePorts, requireUsablePorts } from "../ports.ts";
import { developmentSecret, loadSettings, misspelt, type StartOptions } from "./settings.ts";
import { StackError } from "../stack-error.ts";
import { portClaims } from "../stack-ports.ts";
import { ErrorWatch } from "../supervision/error-watch.ts";
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

async function run(settings: StartOptions): Promise<void> {
  const signals = untilStopped();
  for (const name of await reapLeftovers(join(DATA_DIR, "run")))
    say(`ended ${name}, left over from a run that crashed`);
  const { ports, temporalAddress, redisUrl } = settings;
  const claims = portClaims(ports, { temporal: temporalAddress !== undefined, valkey: redisUrl !== undefined });
  requireUsablePorts(claims);
  await requireFreePorts(claims);
  for (const line of misspelt()) say(pc.yellow(line));
  say("starting");
  void signals.promise.then((why) =>
    say(`stopping (${why}); ${why === "Ctrl-C" ? "once more" : "Ctrl-C"} ends it at once`),
  );
  signals.hurry.addEventListener("abort", () => say("ending everything at once"));
  const agents = new Agents(settings.agents);
  const running = await startUnlessStopped(settings, agents, signals);
  if (running === undefined) return;
  const { stack, errors } = running;
  console.log(panel(stack, modelName(settings.model), agents.offer?.agents ?? []));
  const endWatch = watchCode(agents, () => reload(stack, agents));
  await signals.promise;
  endWatch();
  await stack.stop();
  errors.stop();
  say("stopped; sessions are kept and go on at the next start");
}

/** Undefined when it was told to stop while starting; what had been started has then been stopped. */
async function startUnlessStopped(
  settings: StartOptions,
  agents: Agents,
  signals: StopSignal,
): Promise<{ stack: Stack; errors: ErrorWatch } | undefined> {
  let errors: ErrorWatch | undefined;
  const warn = (line: string): void => say(pc.yellow(line));
  const prepare = async (): Promise<void> => {
    const [problem, warning] = await Promise.all([agents.read(signals.stop), modelWarning(settings.model)]);
    if (signals.stop.aborted) return;
    if (problem !== undefined) say(pc.red(codeIsWrong(problem)));
    if (warning !== undefined) warn(warning);
  };
  try {
    const stack = await startStack({
      edges: settings.edges,
      ports: settings.ports,
      dir: DATA_DIR,
      temporalUi: true,
      console: true,
      web: true,
      temporalAddress: settings.temporalAddress,
      temporal: settings.temporal,
      redisUrl: settings.redisUrl,
      jwtSecret: settings.jwtSecret ?? developmentSecret(DATA_DIR),
      graceMs: settings.graceMs,
      env: { all: settings.passedOn },
      agents: () => agents.offer,
      waitForCode: true,
      signals,
      prepare,
      onProgress: say,
      onWarning: warn,
      onEvent: (event) => say(describe(event)),
      onLogs: (logs) => {
        const shown = logs.map(({ name, path }) => ({ name, path: relative(process.cwd(), path) }));
        errors = new ErrorWatch(shown, (line) => say(pc.red(line)));
      },
    });
    return { stack, errors: errors ?? new ErrorWatch([], say) };
  } catch (error) {
    errors?.stop();
    if (signals.stop.aborted) return undefined;
    throw error;
  }
}

/** A source file of the workflows was saved: what runs is replaced only by what can run. */
async function reload(stack: Stack, agents: Agents): Promise<void> {
  const before = agents.offer?.agents.join(",");
  const problem = await agents
    .read()
    .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  if (problem !== undefined) {
    say(pc.red(codeIsWrong(problem)));
    return;
  }
  say("the agents' code was saved; the orchestrator goes on with it");
  stack.tryCodeAgain();
  if (agents.offer?.agents.join(",") === before) return;
  say(`clients may now ask for ${agents.offer?.agents.join(", ")}; the edges are started again, one by one`);
  for (const { name } of stack.children()) if (name.startsWith("edge-")) await stack.restart(name);
}

function codeIsWrong(problem: string): string {
  return `an agent's code cannot be run: ${problem}. Everything else runs; save the file when it is mended.`;
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
      if (event.asked) return `${event.name} has ended, as it was asked to; starting it again`;
      const how = event.exit.signal ?? `exit code ${event.exit.code}`;
      const { code } = event.exit;
      const log = code === null || code === 0 ? "" : `; its log: ${relative(process.cwd(), event.logFile)}`;
      return pc.yellow(`${event.name} ended (${how}); starting it again in ${seconds(event.retryInMs)}${log}`);
    }
    case "waits-for-code":
      return pc.yellow(`${event.name} waits for the agents' code to be mended`);
  }
}
