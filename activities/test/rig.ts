import type { Frame, SessionKey } from "@holdfast/contract";
import type { LogFrame, RespondRequest, RespondResult, SessionState } from "@holdfast/internal";
import { emptySnapshot, reduceFrame } from "@holdfast/contract";
import { type ModelServer, type RawReply, startModelServer } from "@holdfast/model-server";
import { createLogger } from "@holdfast/service/log";
import { connectRedis, type RedisConnection } from "@holdfast/service/redis";
import { SessionLog } from "@holdfast/session-log";
import { startValkey, type ValkeyServer } from "@holdfast/stack/servers";
import { ApplicationFailure } from "@temporalio/activity";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { afterAll, beforeAll } from "vitest";
import { Breakers } from "../src/breakers.ts";
import type { RespondConfig } from "../src/config.ts";
import { FinishedAnswers } from "../src/finished-answers.ts";
import { languageLoader } from "../src/enrichment.ts";
import { NO_METRICS } from "../src/metrics.ts";
import type { Models } from "../src/models/model.ts";
import type { FailureClass } from "../src/models/model-error.ts";
import { createModels } from "../src/models/registry.ts";
import { createRespond } from "../src/respond.ts";

const log = createLogger("activities-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });
const loadLanguage = languageLoader();

/** One attempt of `respond` in Temporal's own harness for activities. */
export interface Running {
  result: Promise<RespondResult>;
  /** The activity's cancellation, as Temporal would bring it. */
  cancel: MockActivityEnvironment["cancel"];
  /** Its failed calls, as metrics count them. */
  failures: FailureClass[];
  /** Details of its last heartbeat. */
  progress: () => unknown;
}

/** How a step ended, after however many attempts. */
export interface Settled {
  result?: RespondResult;
  error?: ApplicationFailure;
  attempts: number;
  failures: FailureClass[];
}

export interface RunOptions {
  attempt?: number;
  /** Heartbeat details of the attempt before. */
  progress?: unknown;
  contextTokens?: number;
  continues?: "none" | "vllm";
  config?: Partial<RespondConfig>;
  breakers?: Breakers;
  loadLanguage?: typeof loadLanguage;
  models?: Models;
  queryState?: (key: SessionKey) => Promise<SessionState>;
}

export interface Asked extends Settled {
  text: string | undefined;
  /** Requests that the server got. */
  calls: number;
  /** What readers hold at the end. */
  held: string;
  code: string | undefined;
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
    const failures: FailureClass[] = [];
    const { respond } = createRespond({
      log: this.sessionLog,
      queryState: options.queryState ?? (() => Promise.reject(new Error("no workflow in this test"))),
      models:
        options.models ??
        createModels(loadLanguage, {
          embedded: { tokenDelayMs: 10 },
          openaiCompatible: {
            url: this.model.url,
            name: "scripted",
            continues: options.continues ?? "none",
            contextTokens: options.contextTokens ?? 32_768,
          },
        }),
      breakers: options.breakers ?? new Breakers(),
      finished: new FinishedAnswers(this.redis),
      loadLanguage: options.loadLanguage ?? loadLanguage,
      metrics: { ...NO_METRICS, failed: (_labels, failure) => failures.push(failure) },
      config: { ...options.config },
    });
    const heartbeatDetails = options.progress;
    const info = { attempt: options.attempt ?? 1, heartbeatTimeoutMs: 3_000, heartbeatDetails };
    const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger("ERROR", () => {}) });
    let progress: unknown = heartbeatDetails;
    environment.on("heartbeat", (details: unknown) => (progress = details));
    const result = environment.run<[RespondRequest], RespondResult, typeof respond>(respond, request);
    // Whoever starts an attempt looks at its result later.
    result.catch(() => {});
    return { result, cancel: environment.cancel, failures, progress: () => progress };
  }

  /** A step as Temporal runs it, but for the waiting: attempt after attempt, until one answers or may not be repeated. */
  async settle(request: RespondRequest, options: RunOptions = {}): Promise<Settled> {
    const failures: FailureClass[] = [];
    let progress = options.progress;
    for (let attempt = 1; ; attempt++) {
      const running = this.run(request, { ...options, attempt, progress });
      const outcome = await running.result.then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      );
      failures.push(...running.failures);
      progress = running.progress();
      if ("result" in outcome) return { ...outcome, attempts: attempt, failures };
      const { error } = outcome;
      if (!(error instanceof ApplicationFailure)) throw error;
      if (error.nonRetryable === true || attempt === 8) return { error, attempts: attempt, failures };
    }
  }

  /** A step to its end with a server that gives these replies one after the other, the last one for ever. */
  async ask(replies: RawReply[], options: RunOptions = {}, request = question()): Promise<Asked> {
    let calls = 0;
    this.model.setReplies(() => replies[Math.min(calls++, replies.length - 1)]);
    const settled = await this.settle(request, options);
    const held = await this.partialText(request.key);
    return { ...settled, text: settled.result?.text, calls, held, code: settled.error?.type ?? undefined };
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
    epoch: 1,
    agent: "concierge",
    turn: 1,
    step: 1,
    version: 1,
    inputs: [{ by: "ann", producer: "p", seq: 1, text }],
    applied: { "ann/p": 1 },
    textBefore: 0,
    budgetMs: 120_000,
    request,
  };
}

let questions = 0;

export function question(request: RespondRequest["request"] = {}): RespondRequest {
  return firstTurn(`question ${++questions}`, request);
}

/** Waits until `condition` gives something true, and gives that. */
export async function until<T>(condition: () => Promise<T> | T): Promise<NonNullable<T>> {
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false && value !== "") return value;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
