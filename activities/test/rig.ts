import type { Frame, LogFrame, RespondRequest, RespondResult, SessionKey, SessionTruth } from "@holdfast/contract";
import { emptySnapshot, reduceFrame } from "@holdfast/contract";
import { type ModelServer, startModelServer } from "@holdfast/model-server";
import { createLogger } from "@holdfast/service/log";
import { connectRedis, type RedisConnection } from "@holdfast/service/redis";
import { SessionLog } from "@holdfast/session-log";
import { startValkey, type ValkeyServer } from "@holdfast/stack/servers";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { afterAll, beforeAll } from "vitest";
import { Breakers } from "../src/breakers.ts";
import type { RespondConfig } from "../src/config.ts";
import { Language } from "../src/language.ts";
import type { Models } from "../src/models/model.ts";
import { createModels } from "../src/models/registry.ts";
import { createRespond } from "../src/respond.ts";

const log = createLogger("activities-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const language = new Language();

/** One attempt of `respond` in Temporal's own harness for activities. */
export interface Running {
  result: Promise<RespondResult>;
  /** The activity's cancellation, as Temporal would bring it. */
  cancel: MockActivityEnvironment["cancel"];
}

export interface RunOptions {
  attempt?: number;
  continues?: "none" | "vllm";
  config?: Partial<RespondConfig>;
  breakers?: Breakers;
  models?: Models;
  queryState?: (key: SessionKey) => Promise<SessionTruth>;
}

/** The real activity between a real Valkey and a model server. */
export class Rig {
  valkey: ValkeyServer;
  readonly redis: RedisConnection;
  readonly sessionLog: SessionLog;
  readonly model: ModelServer;

  constructor(valkey: ValkeyServer, redis: RedisConnection, model: ModelServer) {
    this.valkey = valkey;
    this.redis = redis;
    // Tests look at every frame, of answers that are longer than what a log keeps.
    this.sessionLog = new SessionLog(redis, { bytes: 2 ** 24 });
    this.model = model;
  }

  run(request: RespondRequest, options: RunOptions = {}): Running {
    const { respond } = createRespond({
      log: this.sessionLog,
      queryState: options.queryState ?? (() => Promise.reject(new Error("no workflow in this test"))),
      models:
        options.models ??
        createModels(language, {
          embedded: { tokenDelayMs: 10 },
          openaiCompatible: { url: this.model.url, name: "scripted", continues: options.continues ?? "none" },
        }),
      breakers: options.breakers ?? new Breakers(),
      language,
      config: { ...options.config },
    });
    const info = { attempt: options.attempt ?? 1, scheduledTimestampMs: Date.now(), heartbeatTimeoutMs: 3_000 };
    const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger("ERROR", () => {}) });
    const result = environment.run<[RespondRequest], RespondResult, typeof respond>(respond, request);
    // Whoever starts an attempt looks at its result later.
    result.catch(() => {});
    return { result, cancel: environment.cancel };
  }

  /** Every frame of the session's log, oldest first. */
  async frames(key: SessionKey): Promise<LogFrame[]> {
    const read = await this.sessionLog.read(key, "0", 4_000);
    if (read.outcome === "unknown") throw new Error("the log does not begin at its beginning");
    return read.frames;
  }

  /** Frames of one type. */
  async framesOf<T extends LogFrame["type"]>(key: SessionKey, type: T): Promise<Extract<LogFrame, { type: T }>[]> {
    const frames = await this.frames(key);
    return frames.filter((frame): frame is Extract<LogFrame, { type: T }> => frame.type === type);
  }

  /** Partial text of the running turn after each frame, as a reader that misses none holds it. */
  async partialTexts(key: SessionKey): Promise<string[]> {
    let snapshot = emptySnapshot("concierge");
    const texts: string[] = [];
    for (const frame of await this.frames(key)) {
      if (frame.type === "resync" || frame.type === "foreign") throw new Error("the log lost something");
      const reduction = reduceFrame(snapshot, frame satisfies Frame);
      if (reduction.outcome !== "applied") throw new Error(`a frame was not taken: ${reduction.outcome}`);
      snapshot = reduction.snapshot;
      texts.push(snapshot.running?.text ?? "");
    }
    return texts;
  }

  async partialText(key: SessionKey): Promise<string> {
    const read = await this.sessionLog.snapshot(key);
    return read.outcome === "snapshot" ? (read.snapshot.running?.text ?? "") : "";
  }
}

/** Started before the tests of a file, stopped after them. */
export function useRig(): { readonly rig: Rig } {
  let rig: Rig | undefined;
  beforeAll(async () => {
    const valkey = await startValkey();
    const redis = connectRedis(valkey.url, log, "commands");
    await new Promise<void>((resolve) => redis.once("ready", () => resolve()));
    rig = new Rig(valkey, redis, await startModelServer());
  });
  afterAll(async () => {
    rig?.redis.disconnect();
    await Promise.all([rig?.model.stop(), rig?.valkey.stop()]);
  });
  return {
    get rig() {
      if (rig === undefined) throw new Error("the rig is not up yet");
      return rig;
    },
  };
}

let sessions = 0;

/**
 * The first turn of a session nobody else uses. `text` may carry directives for the model server (`faults:…`); then it is made
 * unique, because the server counts the calls of a text.
 */
export function firstTurn(said: string, request: RespondRequest["request"] = {}): RespondRequest {
  const name = `s${++sessions}`;
  const text = said.includes("faults:") ? `${said} in ${name}` : said;
  return {
    key: { tenant: "t", owner: "o", name },
    incarnation: 1,
    agent: "concierge",
    turn: 1,
    step: 1,
    version: 1,
    inputs: [{ producer: "p", seq: 1, text }],
    applied: { p: 1 },
    textBefore: 0,
    budgetMs: 120_000,
    request,
  };
}

/** Waits until `condition` gives something true, and gives that. */
export async function until<T>(condition: () => Promise<T> | T): Promise<NonNullable<T>> {
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false && value !== "") return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
