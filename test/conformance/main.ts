import { fileURLToPath } from "node:url";
import { InvalidArgumentError } from "commander";
import { execa } from "execa";
import { does, program, run } from "../kit/command-line.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Options {
  url?: string[];
  token?: string;
  secret?: string;
  tenant?: string;
  agent?: string;
  scripted?: boolean;
}

const command = program(
  "conformance",
  "Holds edges against packages/contract/SPEC.md, rule by rule, by a client that knows nothing but that page: those of a stack of its own, or any others by --url. " +
    "Exits 0 only if every rule that was tried holds; a rule that needs what was not given is told as not tried.",
)
  .option("--url <urls...>", "edges that serve the same sessions, ws:, wss:, http: or https:", urls)
  .option(
    "--token <jwt>",
    "a token they accept (SPEC connect-2); with it alone, rules about several people are not tried",
  )
  .option("--secret <text>", "instead of --token: what they check tokens by (HS256)")
  .option("--tenant <name>", "of the tokens that are signed by --secret", "acme")
  .option("--agent <name>", "of the sessions that are opened", "echo")
  .option(
    "--scripted",
    "their model is test/model-server as it starts by itself, and they have the agents echo and concierge: tries all rules",
  );

await run(
  does(command, async ({ url = [], token, secret, tenant, agent, scripted }: Options) => {
    if (url.length > 0 && token === undefined && secret === undefined)
      command.error("error: --url needs --token or --secret");
    const given = {
      HOLDFAST_CONFORMANCE_URLS: url.join(" "),
      HOLDFAST_CONFORMANCE_TOKEN: token,
      HOLDFAST_CONFORMANCE_SECRET: secret,
      HOLDFAST_CONFORMANCE_TENANT: tenant,
      HOLDFAST_CONFORMANCE_AGENT: agent,
      HOLDFAST_CONFORMANCE_SCRIPTED: String(scripted ?? false),
    };
    const reporter = fileURLToPath(new URL("reporter.ts", import.meta.url));
    const args = ["run", "--project", "e2e", "test/conformance", "--reporter", reporter];
    const env = url.length > 0 ? given : {};
    const from = { cwd: ROOT, preferLocal: true, localDir: ROOT } as const;
    const tried = await execa("vitest", args, { ...from, stdio: "inherit", reject: false, env });
    return tried.exitCode ?? 1;
  }),
);

function urls(text: string, before: string[] = []): string[] {
  if (URL.canParse(text) && /^(?:wss?|https?):/.test(text)) return [...before, text];
  throw new InvalidArgumentError("It must be a ws:, wss:, http: or https: URL.");
}
