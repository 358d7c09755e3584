import { textOf } from "@holdfast/contract";
import { expect, onTestFinished, vi } from "vitest";
import { connect, type HoldfastClient } from "../src/client.ts";
import type { HoldfastError } from "../src/errors.ts";
import type { ConnectOptions } from "../src/options.ts";
import type { Session } from "../src/session.ts";
import type { SessionView } from "../src/view.ts";
import { ScriptedEdge } from "./scripted-edge.ts";

/** Short delays, so that tests of retries are not slow; no test depends on how long anything takes. */
export const QUICK = { backoffBaseMs: 5, backoffMaxMs: 40, lastedMs: 0, requestTimeoutMs: 10_000, lingerMs: 20 };

export interface QuickClient extends HoldfastClient {
  readonly problems: HoldfastError[];
}

export function quickClient(edges: ScriptedEdge[], options: Partial<ConnectOptions> = {}): QuickClient {
  const { bounds, ...others } = options;
  const client = connect({
    url: edges.map((edge) => edge.url),
    token: () => "a token",
    random: () => 0,
    ...others,
    bounds: { ...QUICK, ...bounds },
  });
  const problems: HoldfastError[] = [];
  client.on("problem", (error) => problems.push(error));
  onTestFinished(() => client.close());
  return Object.assign(client, { problems });
}

export async function startEdge(options?: Parameters<typeof ScriptedEdge.start>[0]): Promise<ScriptedEdge> {
  const edge = await ScriptedEdge.start(options);
  onTestFinished(() => edge.stop());
  return edge;
}

/** Resolves with the first view that satisfies `wanted`, now or later. */
export async function viewOf<State extends object>(
  session: Session<State>,
  wanted: (view: SessionView<State>) => boolean,
): Promise<SessionView<State>> {
  if (wanted(session.get())) return session.get();
  return await new Promise((resolve) => {
    const off = session.subscribe(() => {
      const view = session.get();
      if (!wanted(view)) return;
      off();
      resolve(view);
    });
  });
}

export function live<State extends object>(session: Session<State>): Promise<SessionView<State>> {
  return viewOf(session, (view) => view.delivery.state === "live" && view.connection.state === "connected");
}

/** What the running turn has said so far; undefined where none runs. */
export function runningText(view: SessionView<object>): string | undefined {
  return view.running === null ? undefined : textOf(view.running);
}

/** For what shows only at the edge's side. */
export async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 20_000, interval: 5 });
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: "HoldfastError" });
  return error instanceof Error && "code" in error ? String(error.code) : "resolved";
}
