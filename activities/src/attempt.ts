import type { RespondRequest, RespondResult, TurnStartedBody } from "@holdfast/contract";
import type { Begun, Fence, SessionLog } from "@holdfast/session-log";
import { CancelledFailure } from "@temporalio/activity";
import type { GuardedCall } from "./breaker.ts";
import type { Breakers } from "./breakers.ts";
import type { RespondConfig } from "./config.ts";
import { messagesOf, readTurns, type ContextSource } from "./context.ts";
import { enrich } from "./enrichment.ts";
import { breakerOpen, refused, superseded, unavailable, workerShutdown } from "./failures.ts";
import { Generation, type Ending } from "./generation.ts";
import type { Language } from "./language.ts";
import type { RespondMetrics } from "./metrics.ts";
import { ModelError } from "./models/model-error.ts";
import type { Message, Model, ModelPrompt, Models } from "./models/model.ts";
import { retryDelayMs } from "./retry.ts";
import { TextStream } from "./text-stream.ts";

export interface AttemptDeps extends ContextSource {
  log: Pick<SessionLog, "begin" | "appendText" | "rewind" | "putSnapshot">;
  models: Models;
  breakers: Breakers;
  language: Language;
  metrics: RespondMetrics;
  config: RespondConfig;
}

/** What an attempt needs to know of the activity it runs in. */
export interface Activity {
  /** Counts from 1. */
  attempt: number;
  /** Unix milliseconds at which the activity was scheduled for its first attempt. */
  scheduledAt: number;
  /** Calls back, once, when Temporal cancels the attempt; at once if it has. Returns what stops that. */
  onCancel(listener: (why: "stopped" | "shutdown" | "cancelled") => void): () => void;
}

/** One attempt of one step of a turn. Rejects with an `ApplicationFailure` of failures.ts, or `CancelledFailure`. */
export class Attempt {
  readonly #deps: AttemptDeps;
  readonly #request: RespondRequest;
  readonly #activity: Activity;
  readonly #model: Model;
  readonly #startedAt = performance.now();
  readonly #generation = new Generation();
  readonly #fence: Fence;
  readonly #started: TurnStartedBody;

  constructor(deps: AttemptDeps, request: RespondRequest, activity: Activity, model: Model) {
    this.#deps = deps;
    this.#request = request;
    this.#activity = activity;
    this.#model = model;
    const { turn, step, version, agent, inputs, applied } = request;
    this.#fence = { turn, step, attempt: activity.attempt };
    this.#started = { type: "turn.started", version, turn, agent, inputs, applied };
  }

  async run(): Promise<RespondResult> {
    const stopListening = this.#activity.onCancel((why) => this.#generation.end({ why }));
    try {
      return await this.#run();
    } finally {
      stopListening();
    }
  }

  async #run(): Promise<RespondResult> {
    const { config, language } = this.#deps;
    const contextTurns = this.#request.request.contextTurns ?? config.contextTurns;
    const begin = this.#begin(contextTurns);
    // While Redis answers: this needs nothing but the inputs.
    const enrichment = enrich(language, this.#request.inputs);
    const begun = await begin;
    if (begun?.outcome === "stale") throw superseded();
    const held = begun?.text.slice(begun.baseLength) ?? "";
    const result = (text: string, stopped: boolean): RespondResult => {
      const elapsedMs = Math.max(0, Date.now() - this.#activity.scheduledAt);
      return { text, stopped, model: this.#model.name, enrichment, elapsedMs };
    };
    if (begun?.stop === true) return result(held, true);

    const prompt = await this.#prompt(begun, held, contextTurns);
    const call = this.#enterBreaker();
    const stream = this.#openStream(begun, prompt.prefix !== "");
    const ending = await this.#generate(prompt, stream, call);
    switch (ending.why) {
      case "finished":
        await stream.finish(config.settleMs);
        if (stream.text === "") throw this.#failureOf(new ModelError("broken", "The model answered nothing."));
        return { ...result(stream.text, false), ...usageOf(ending) };
      case "too long":
        await stream.finish(config.settleMs);
        return result(stream.text, false);
      case "stopped":
        await stream.finish(config.settleMs);
        // Stopped before the attempt had said anything: what readers still see of the one before is the partial text.
        return result(stream.text === "" ? held : stream.text, true);
      case "superseded":
        stream.close();
        throw superseded();
      case "shutdown":
        // The next worker may go on from what readers hold: the more the better.
        await stream.finish(config.settleMs);
        throw workerShutdown();
      case "cancelled":
        stream.close();
        throw new CancelledFailure("Temporal does not wait for this attempt any more.");
      case "failed":
        await stream.finish(config.settleMs);
        throw this.#failureOf(ending.error);
    }
  }

  /** Undefined when the log is out of reach: the answer matters more, and the stream repairs the log later. */
  async #begin(contextTurns: number): Promise<Begun | undefined> {
    const { log } = this.#deps;
    try {
      return await log.begin(this.#request.key, this.#fence, this.#started, contextTurns);
    } catch {
      return undefined;
    }
  }

  async #prompt(begun: Begun | undefined, held: string, contextTurns: number): Promise<ModelPrompt> {
    const { request } = this.#request;
    const saidBefore = begun?.text.slice(0, begun.baseLength) ?? "";
    const messages = await this.#messages(begun, contextTurns, saidBefore);
    const prompt = { messages, prefix: held, request };
    return held !== "" && this.#model.continuesFrom(prompt) ? prompt : { ...prompt, prefix: "" };
  }

  async #messages(begun: Begun | undefined, contextTurns: number, saidBefore: string): Promise<Message[]> {
    if (contextTurns === 0) return messagesOf(this.#request, [], 0, saidBefore);
    try {
      const turns = await readTurns(this.#deps, this.#request.key, begun?.turns);
      return messagesOf(this.#request, turns, contextTurns, saidBefore);
    } catch (cause) {
      throw this.#failureOf(new ModelError("broken", "The conversation so far could not be read.", { cause }));
    }
  }

  #enterBreaker(): GuardedCall {
    const { provider, name } = this.#model;
    const entry = this.#deps.breakers.of(provider, name).enter();
    if (entry.outcome === "allowed") return entry.call;
    const { retry } = this.#deps.config;
    // Jitter, so that those who wait do not all come back in the same moment.
    throw breakerOpen(name, Math.round(entry.retryAfterMs + Math.random() * retry.baseMs));
  }

  #openStream(begun: Begun | undefined, continues: boolean): TextStream {
    return new TextStream({
      log: this.#deps.log,
      key: this.#request.key,
      fence: this.#fence,
      started: this.#started,
      begun,
      continues,
      batchMs: this.#deps.config.batchMs,
      onStop: () => this.#generation.end({ why: "stopped" }),
      onStale: () => this.#generation.end({ why: "superseded" }),
    });
  }

  async #generate(prompt: ModelPrompt, stream: TextStream, call: GuardedCall): Promise<Ending> {
    const { config, metrics } = this.#deps;
    let isFirst = true;
    const ending = await this.#generation.run(this.#model, prompt, config, (text) => {
      if (isFirst) {
        isFirst = false;
        call.answering();
        metrics.firstText(labelsOf(this.#model), (performance.now() - this.#startedAt) / 1_000);
      }
      const room = config.maxTextLength - stream.text.length;
      stream.push(text.slice(0, room));
      if (text.length >= room) this.#generation.end({ why: "too long" });
    });
    this.#tell(call, ending);
    return ending;
  }

  #tell(call: GuardedCall, ending: Ending): void {
    if (ending.why === "finished") {
      const { inputTokens, outputTokens } = ending.usage;
      this.#deps.metrics.tokens(labelsOf(this.#model), "input", inputTokens ?? 0);
      this.#deps.metrics.tokens(labelsOf(this.#model), "output", outputTokens ?? 0);
      call.succeeded();
    } else if (ending.why === "failed" && ending.error.kind === "broken") call.failed();
    else call.ended();
  }

  #failureOf(error: ModelError): Error {
    if (error.kind === "refused") return refused(error);
    return unavailable(error, retryDelayMs(this.#activity.attempt, error.retryAfterMs, this.#deps.config.retry));
  }
}

export function labelsOf({ provider, name }: Model): { provider: string; model: string } {
  return { provider, model: name };
}

function usageOf({ usage }: Extract<Ending, { why: "finished" }>): Pick<RespondResult, "usage"> {
  return Object.keys(usage).length === 0 ? {} : { usage };
}
