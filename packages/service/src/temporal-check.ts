import { isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { Connection } from "@temporalio/client";
import { type TemporalClientOptions, temporalConnectionOptions } from "./temporal.ts";

/** What keeps a process from using the Temporal it was told of, in one sentence that says what to do. */
export interface TemporalProblem {
  /** `away`: it may only not be up yet. `refused`: it answers, and will say the same again. */
  kind: "away" | "refused";
  message: string;
}

export interface TemporalCheck {
  problem?: TemporalProblem;
  /** As the server tells it. */
  version?: string | undefined;
}

/** The first release that orders the work of a task queue by fairness keys. */
const FAIR_SINCE = [1, 29] as const;

const GRPC = {
  unknown: 2,
  deadline: 4,
  notFound: 5,
  denied: 7,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

/** Asks the server what it is and for the namespace, within a few seconds. Never rejects. */
export async function checkTemporal(config: TemporalClientOptions, withinMs = 5_000): Promise<TemporalCheck> {
  const connection = Connection.lazy({ ...temporalConnectionOptions(config), interceptors: [] });
  const ask = <T>(call: () => Promise<T>): Promise<T> => connection.withDeadline(Date.now() + withinMs, call);
  try {
    const { serverVersion } = await ask(() => connection.workflowService.getSystemInfo({}));
    const namespace = config.HOLDFAST_TEMPORAL_NAMESPACE;
    await ask(() => connection.workflowService.describeNamespace({ namespace }));
    return { version: serverVersion ?? undefined };
  } catch (error) {
    return { problem: await problemOf(error, config) };
  } finally {
    await connection.close();
  }
}

/** A sentence about a server that is too old for what is promised; undefined when it is not, or does not tell. */
export function ageWarning(version: string | undefined): string | undefined {
  const match = /^(\d+)\.(\d+)/.exec(version ?? "");
  if (match === null) return undefined;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major > FAIR_SINCE[0] || (major === FAIR_SINCE[0] && minor >= FAIR_SINCE[1])) return undefined;
  return (
    `Temporal ${version} is older than ${FAIR_SINCE.join(".")}: it works, but one busy tenant can keep the others waiting, because it ` +
    "does not share a task queue fairly. Update it, and set matching.enableFairness=true."
  );
}

async function problemOf(error: unknown, config: TemporalClientOptions): Promise<TemporalProblem> {
  const {
    HOLDFAST_TEMPORAL_ADDRESS: at,
    HOLDFAST_TEMPORAL_NAMESPACE: namespace,
    HOLDFAST_TEMPORAL_API_KEY: key,
  } = config;
  const refused = (message: string): TemporalProblem => ({ kind: "refused", message });
  switch (codeOf(error)) {
    case GRPC.notFound:
      return refused(
        `The Temporal at ${at} has no namespace "${namespace}": create it (temporal operator namespace create --namespace ` +
          `${namespace} --address ${at}), or set HOLDFAST_TEMPORAL_NAMESPACE to one it has.`,
      );
    case GRPC.unauthenticated:
      return refused(
        key === undefined
          ? `The Temporal at ${at} wants an API key: set HOLDFAST_TEMPORAL_API_KEY.`
          : `The Temporal at ${at} does not accept the key in HOLDFAST_TEMPORAL_API_KEY: set one that is valid there.`,
      );
    case GRPC.denied:
      return refused(
        `The Temporal at ${at} does not let us use its namespace "${namespace}": ` +
          (key === undefined
            ? "set HOLDFAST_TEMPORAL_API_KEY to a key that may, or HOLDFAST_TEMPORAL_NAMESPACE to another."
            : "give the key in HOLDFAST_TEMPORAL_API_KEY the right to, or set HOLDFAST_TEMPORAL_NAMESPACE to another."),
      );
    case GRPC.unimplemented:
      return refused(notTemporal(at));
    default:
      return unreached(error, config);
  }
}

/** No answer by gRPC: TLS where there is none or the other way round, another kind of server, or none. */
async function unreached(error: unknown, config: TemporalClientOptions): Promise<TemporalProblem> {
  const at = config.HOLDFAST_TEMPORAL_ADDRESS;
  const tls = await tlsAt(at);
  if (tls === "closed") return { kind: "away", message: `Nothing answers at ${at} (HOLDFAST_TEMPORAL_ADDRESS).` };
  if (config.HOLDFAST_TEMPORAL_TLS && tls === "no tls") {
    return {
      kind: "refused",
      message: `What answers at ${at} does not speak TLS: unset HOLDFAST_TEMPORAL_TLS, or correct HOLDFAST_TEMPORAL_ADDRESS.`,
    };
  }
  if (config.HOLDFAST_TEMPORAL_TLS && tls !== "trusted" && typeof tls === "object") {
    return {
      kind: "refused",
      message: `The certificate of ${at} is not trusted here (${tls.distrust}): add its authority to those of this system, or correct HOLDFAST_TEMPORAL_ADDRESS.`,
    };
  }
  if (!config.HOLDFAST_TEMPORAL_TLS && tls !== "no tls") {
    return { kind: "refused", message: `What answers at ${at} speaks TLS: set HOLDFAST_TEMPORAL_TLS=true.` };
  }
  // A server that is starting or overloaded is a Temporal all the same; it says so itself, or gives no sign at all.
  const details = error instanceof Error ? error.message : String(error);
  if (codeOf(error) === GRPC.unavailable && /shutting down|not (yet )?ready|no healthy|starting/i.test(details)) {
    return { kind: "away", message: `The Temporal at ${at} is not ready yet.` };
  }
  return { kind: "refused", message: notTemporal(at) };
}

function notTemporal(at: string): string {
  return `What answers at ${at} is no Temporal server: HOLDFAST_TEMPORAL_ADDRESS is the host and port of its gRPC service (7233 unless it was moved), not of its Web UI.`;
}

/** Calls that fail carry gRPC's code, the error itself or what it was caused by. */
function codeOf(error: unknown): number {
  if (typeof error !== "object" || error === null) return GRPC.unknown;
  if ("code" in error && typeof error.code === "number") return error.code;
  return "cause" in error ? codeOf(error.cause) : GRPC.unknown;
}

type Tls = "closed" | "no tls" | "trusted" | { distrust: string };

function tlsAt(address: string): Promise<Tls> {
  const [, host = "", port = "7233"] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(address) ?? [];
  return new Promise((resolve) => {
    let connected = false;
    const socket = connectTls({
      host,
      port: Number(port),
      ALPNProtocols: ["h2"],
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
    });
    const settle = (tls: Tls): void => {
      socket.destroy();
      resolve(tls);
    };
    socket.setTimeout(2_000, () => settle(connected ? "no tls" : "closed"));
    socket.once("connect", () => {
      connected = true;
    });
    socket.once("secureConnect", () =>
      settle(socket.authorized ? "trusted" : { distrust: String(socket.authorizationError) }),
    );
    socket.once("error", () => settle(connected ? "no tls" : "closed"));
    socket.once("close", () => settle(connected ? "no tls" : "closed"));
  });
}
