import { join } from "node:path";
import { type AppSpec, appChild } from "./supervision/app-process.ts";
import { rotateLog } from "./supervision/log-file.ts";
import type { StackPorts } from "./stack-ports.ts";
import type { ChildSpec } from "./supervision/supervised-child.ts";
import { launchTemporal } from "./temporal-server.ts";
import { launchValkey } from "./valkey-server.ts";

/** Agents clients may ask for, and the one they get who name none. */
export interface Offer {
  agents: readonly string[];
  defaultAgent: string;
}

/** Everything that differs between `npm start`, a test and the bench. */
export interface StackPlan {
  ports: StackPorts;
  /** Data, logs and pid files. */
  dir: string;
  /** Keep Temporal's database and Valkey's data in `dir`; otherwise both are gone at the end. */
  persist: boolean;
  temporalUi: boolean;
  console: boolean;
  web: boolean;
  /** Already running servers, used instead of our own. */
  temporalAddress: string | undefined;
  /** Of our own Temporal, besides `default`. */
  temporalNamespace: string | undefined;
  redisUrl: string | undefined;
  jwtSecret: string;
  controlToken: string;
  operatorToken: string;
  /** Extra environment: for every app, for the apps of one folder (`edge`), or for one child (`edge-1`). */
  env: Record<string, Record<string, string>>;
  /** What the edges offer, asked whenever one starts; undefined for their own default. */
  agents: () => Offer | undefined;
  /** Whether an orchestrator whose agents' code is wrong is waited with until the code is another. */
  waitForCode: boolean;
  /** Root of the source tree an app runs from, by its child's name. */
  source: (name: string) => string;
}

/** The list of a stack's children, in the order they start: a stage begins when the one before it is ready. */
export function stackChildren(plan: StackPlan): ChildSpec[][] {
  const { ports } = plan;
  const servers: ChildSpec[] = [];
  if (plan.temporalAddress === undefined) servers.push(temporalChild(plan));
  if (plan.redisUrl === undefined) servers.push(valkeyChild(plan));
  const names = numbered("inference", ports.inference.length);
  const apps = [
    app(plan, "orchestrator", "orchestrator", ports.orchestrator, {
      HOLDFAST_SDK_METRICS_PORT: `${ports.orchestratorSdk}`,
    }),
    ...ports.inference.map((port, index) =>
      app(plan, names[index] ?? "inference", "inference", port, {
        HOLDFAST_SDK_METRICS_PORT: `${ports.inferenceSdk[index]}`,
      }),
    ),
    ...ports.edges.map((port, index) =>
      app(plan, `edge-${index + 1}`, "edge", port, edgeEnv(plan), () => offerEnv(plan)),
    ),
    ...(plan.console ? [app(plan, "console", "console", ports.console, consoleEnv(plan))] : []),
    ...(plan.web ? [app(plan, "web", "web", ports.web, webEnv(plan))] : []),
  ];
  return [servers, apps];
}

function numbered(name: string, count: number): string[] {
  return count === 1 ? [name] : Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

export function edgeUrls(ports: StackPorts): string[] {
  return ports.edges.map((port) => `http://127.0.0.1:${port}`);
}

export function temporalUiUrl(plan: StackPlan): string | undefined {
  return plan.temporalAddress === undefined && plan.temporalUi
    ? `http://127.0.0.1:${plan.ports.temporalUi}`
    : undefined;
}

function app(
  plan: StackPlan,
  name: string,
  folder: string,
  port: number,
  env: Record<string, string>,
  asked: () => Record<string, string> = () => ({}),
): ChildSpec {
  const spec: AppSpec = {
    name,
    app: folder,
    port,
    logFile: newLog(plan, name),
    root: () => plan.source(name),
    waitForCode: plan.waitForCode,
    env: () => ({
      HOLDFAST_NODE_ID: name,
      HOLDFAST_PORT: `${port}`,
      HOLDFAST_REDIS_URL: plan.redisUrl ?? `redis://127.0.0.1:${plan.ports.valkey}`,
      HOLDFAST_TEMPORAL_ADDRESS: plan.temporalAddress ?? `127.0.0.1:${plan.ports.temporal}`,
      ...env,
      ...asked(),
      ...plan.env["all"],
      ...plan.env[folder],
      ...plan.env[name],
    }),
  };
  return appChild(spec);
}

function edgeEnv(plan: StackPlan): Record<string, string> {
  return {
    HOLDFAST_JWT_SECRET: plan.jwtSecret,
    HOLDFAST_ALLOWED_ORIGINS: `http://localhost:${plan.ports.web},http://127.0.0.1:${plan.ports.web}`,
    HOLDFAST_OPERATOR_TOKEN: plan.operatorToken,
  };
}

function offerEnv(plan: StackPlan): Record<string, string> {
  const offer = plan.agents();
  if (offer === undefined) return {};
  return { HOLDFAST_AGENTS: offer.agents.join(","), HOLDFAST_DEFAULT_AGENT: offer.defaultAgent };
}

function consoleEnv(plan: StackPlan): Record<string, string> {
  const ui = temporalUiUrl(plan);
  return {
    HOLDFAST_EDGE_URLS: edgeUrls(plan.ports).join(","),
    ...(ui === undefined ? {} : { HOLDFAST_TEMPORAL_UI_URL: ui }),
  };
}

function webEnv(plan: StackPlan): Record<string, string> {
  return {
    HOLDFAST_EDGE_URLS: edgeUrls(plan.ports).join(","),
    HOLDFAST_JWT_SECRET: plan.jwtSecret,
    HOLDFAST_DEV_TOKENS: "true",
    HOLDFAST_CONTROL_URL: `http://127.0.0.1:${plan.ports.control}`,
    HOLDFAST_CONTROL_TOKEN: plan.controlToken,
  };
}

function temporalChild(plan: StackPlan): ChildSpec {
  const logFile = newLog(plan, "temporal");
  const { ports } = plan;
  const launch = () =>
    launchTemporal({
      logFile,
      dir: plan.persist ? join(plan.dir, "temporal") : undefined,
      port: ports.temporal,
      metricsPort: ports.temporalMetrics,
      uiPort: plan.temporalUi ? ports.temporalUi : undefined,
      namespace: plan.temporalNamespace,
    });
  return { name: "temporal", logFile, launch };
}

function valkeyChild(plan: StackPlan): ChildSpec {
  const logFile = newLog(plan, "valkey");
  const dir = join(plan.dir, "valkey");
  const launch = () => launchValkey({ logFile, dir, persist: plan.persist, port: plan.ports.valkey });
  return { name: "valkey", logFile, launch };
}

function newLog(plan: StackPlan, name: string): string {
  const path = join(plan.dir, "logs", `${name}.log`);
  rotateLog(path);
  return path;
}
