import {
  type BodyOf,
  emptySnapshot,
  type Frame,
  type Part,
  reduceFrame,
  type RunningTurn,
  type SessionKey,
  type Snapshot,
  textOf,
  textOfParts,
  type Turn,
} from "@holdfast/contract";
import type { LogFrame, SessionState, StepRequest, StepResult } from "@holdfast/internal";
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
import { NO_METRICS } from "../src/metrics.ts";
import type { Models } from "../src/models/model.ts";
import type { FailureClass } from "../src/models/model-error.ts";
import { createModels } from "../src/models/registry.ts";
import { createRespond } from "../src/respond.ts";
import { firstTurn, inputOf } from "./first-turn.ts";

const log = createLogger("activities-test", { HOLDFAST_NODE_ID: "test", HOLDFAST_LOG_LEVEL: "silent" });

/** What an attempt answered, and the text of its parts. */
export interface Answered extends StepResult {
  text: string;
}

/** One attempt of `respond` in Temporal's own harness for activities. */
export interface Running {
  result: Promise<Answered>;
  /** The activity's cancellation, as Temporal would bring it. */
  cancel: MockActivityEnvironment["cancel"];
  /** Its failed calls, as metrics count them. */
  failures: FailureClass[];
  /** What its operators are told. */
  warnings: string[];
  /** Details of its last heartbeat. */
  progress: () => unknown;
}

/** How a step ended, after however many attempts. */
export interface Settled {
  result?: Answered;
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
  models?: Models;
  queryState?: (key: SessionKey) => Promise<SessionState>;
}

export interface Asked extends Settled {
  text: string | undefined;
  /** Requests that the server got. */
  calls: number;
  /** Text of the turn as readers hold it at the end, and the parts of its running step. */
  held: string;
  heldParts: Part[];
  code: string | undefined;
}

/** The real activity between a real Valkey and a model server. */
export class Fixture {
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

  /** Models of a worker of its own. */
  models({ continues = "none", contextTokens = 32_768 }: Pick<RunOptions, "continues" | "contextTokens"> = {}): Models {
    return createModels({
      embedded: { tokenDelayMs: 10 },
      openaiCompatible: { url: this.model.url, name: "scripted", continues, contextTokens },
    });
  }

  run(request: StepRequest, options: RunOptions = {}): Running {
    const failures: FailureClass[] = [];
    const { respond } = createRespond({
      log: this.sessionLog,
      queryState: options.queryState ?? (() => Promise.reject(new Error("no workflow in this test"))),
      models: options.models ?? this.models(options),
      breakers: options.breakers ?? new Breakers(),
      finished: new FinishedAnswers(this.redis),
      metrics: { ...NO_METRICS, failed: (_labels, failure) => failures.push(failure) },
      config: { ...options.config },
    });
    const heartbeatDetails = options.progress;
    const info = { attempt: options.attempt ?? 1, heartbeatTimeoutMs: 3_000, heartbeatDetails };
    const warnings: string[] = [];
    const logger = new DefaultLogger("WARN", ({ message }) => void warnings.push(message));
    const environment = new MockActivityEnvironment(info, { logger });
    let progress: unknown = heartbeatDetails;
    environment.on("heartbeat", (details: unknown) => (progress = details));
    const result = environment
      .run<[StepRequest], StepResult, typeof respond>(respond, request)
      .then((answered) => ({ ...answered, text: textOfParts(answered.parts) }));
    // Whoever starts an attempt looks at its result later.
    result.catch(() => {});
    return { result, cancel: environment.cancel, failures, warnings, progress: () => progress };
  }

  /** A step as Temporal runs it, but for the waiting: attempt after attempt, until one answers or may not be repeated. */
  async settle(request: StepRequest, options: RunOptions = {}): Promise<Settled> {
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
    const heldParts = await this.heldParts(request.key);
    return { ...settled, heldParts, text: settled.result?.text, calls, held, code: settled.error?.type ?? undefined };
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

  /** What a reader that misses none holds after each frame. */
  async snapshots(key: SessionKey): Promise<Snapshot[]> {
    let snapshot = emptySnapshot("concierge");
    const snapshots: Snapshot[] = [];
    for (const frame of await this.frames(key)) {
      if (frame.type === "resync" || frame.type === "foreign") throw new Error("The log lost something.");
      const reduction = reduceFrame(snapshot, frame satisfies Frame);
      if (reduction.outcome !== "applied") throw new Error(`A frame was not taken: ${reduction.outcome}.`);
      snapshot = reduction.snapshot;
      snapshots.push(snapshot);
    }
    return snapshots;
  }

  /** The running turn's text after each frame, as a reader that misses none holds it. */
  async partialTexts(key: SessionKey): Promise<string[]> {
    return (await this.snapshots(key)).map(({ running }) => (running === null ? "" : textOf(running)));
  }

  /** The running turn as somebody who opens the session now is shown it. */
  async running(key: SessionKey): Promise<RunningTurn | undefined> {
    const read = await this.sessionLog.snapshot(key);
    return read.outcome === "snapshot" ? (read.snapshot.running ?? undefined) : undefined;
  }

  async partialText(key: SessionKey): Promise<string> {
    const running = await this.running(key);
    return running === undefined ? "" : textOf(running);
  }

  /** Parts of the running step. */
  async heldParts(key: SessionKey): Promise<Part[]> {
    return (await this.running(key))?.parts ?? [];
  }

  /** The workflow's commit of a turn's end, after its only step. Returns the turn. */
  async endTurn(request: StepRequest, result: StepResult): Promise<Turn> {
    const { key, epoch, turn, step, startedVersion, origin, inputs } = request;
    const { attempt, parts, index = 0 } = result;
    const committed: Turn = { turn, origin, inputs, steps: [{ step, attempt, parts }], ...COMPLETED };
    const covers = { turn, step, attempt, index, parts };
    const frame = { type: "turn.ended" as const, version: startedVersion + 1, ...covers, ...COMPLETED, patch: [] };
    await this.sessionLog.commit(key, { run: "run-1", epoch, frame, state: {}, turn: committed, keepTurns: 1 });
    return committed;
  }

  /** The workflow's commit of a step's end, when the next one begins. */
  async endStep(request: StepRequest, { attempt, parts, index = 0 }: StepResult, version: number): Promise<void> {
    const { key, epoch, turn, step } = request;
    const frame = { type: "step.ended" as const, version, turn, step, attempt, index, parts, patch: [] };
    await this.sessionLog.commit(key, { run: "run-1", epoch, frame, state: {} });
  }
}

const COMPLETED = { outcome: "completed", finish: "stop" } as const;

/** Started before the tests of a file, stopped after them. */
export function useFixture(): { readonly fixture: Fixture } {
  let fixture: Fixture | undefined;
  beforeAll(async () => {
    const valkey = await startValkey();
    const redis = connectRedis(valkey.url, log, "commands");
    await new Promise<void>((resolve) => redis.once("ready", () => resolve()));
    fixture = new Fixture(valkey, redis, await startModelServer());
  });
  afterAll(async () => {
    fixture?.redis.disconnect();
    await Promise.all([fixture?.model.stop(), fixture?.valkey.stop()]);
  });
  return {
    get fixture() {
      if (fixture === undefined) throw new Error("The fixture is not up yet.");
      return fixture;
    },
  };
}

/** A turn with an answer of one step. */
export function turnOf(turn: number, said: string, answered: string, more: Partial<Turn> = {}): Turn {
  const parts: Part[] = answered === "" ? [] : [{ type: "text", text: answered }];
  const steps = [{ step: 1, attempt: 1, parts }];
  return { turn, origin: "user", inputs: [inputOf(said)], steps, ...COMPLETED, ...more };
}

/** What the workflow answers about a session in which the request's step runs. */
export function stateOf(request: StepRequest, turns: Turn[], steps: RunningTurn["steps"] = []): SessionState {
  const { epoch, turn, origin, inputs, step, startedVersion: version } = request;
  const running = { turn, origin, inputs, steps, step, attempt: 1, index: 0, parts: [], questions: [] };
  return { epoch, snapshot: { ...emptySnapshot("concierge"), version, turns, running } };
}

export function startOf(request: StepRequest): BodyOf<"turn.started"> {
  const { startedVersion: version, turn, agent, origin, inputs, applied } = request;
  return { type: "turn.started", version, turn, agent, origin, inputs, applied };
}

let questions = 0;

export function question(request: StepRequest["request"] = {}): StepRequest {
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
