import type { RespondRequest, RespondResult, TurnStartedBody } from "@holdfast/contract";
import type { Begun, Fence, SessionLog } from "@holdfast/session-log";
import { CancelledFailure } from "@temporalio/activity";
import type { GuardedCall } from "./breaker.ts";
import type { Breakers } from "./breakers.ts";
import type { RespondConfig } from "./config.ts";
import { messagesOf, readTurns, type ContextSource } from "./context.ts";
import { enrich } from "./enrichment.ts";
import { breakerOpen, failureOf, superseded, workerShutdown } from "./failures.ts";
import { Generation, type Ending } from "./generation.ts";
import type { Language } from "./language.ts";
import type { RespondMetrics } from "./metrics.ts";
import { ModelError } from "./models/model-error.ts";
import { labelsOf, type Message, type Model, type ModelPrompt } from "./models/model.ts";
import { TextStream } from "./text-stream.ts";

export interface AttemptDeps extends ContextSource {
  log: Pick<SessionLog, "begin" | "appendText" | "rewind" | "putSnapshot">;
  breakers: Breakers;
  language: Language;
  metrics: RespondMetrics;
  config: RespondConfig;
}

type Answer = Pick<RespondResult, "text" | "finish" | "usage">;

/** What an attempt needs to know of the activity it runs in. */
export interface Activity {
  /** Counts from 1. */
  attempt: number;
  /** Unix milliseconds at which the activity was scheduled for its first attempt. */
  scheduledAt: number;
  /** Calls back once when Temporal cancels the attempt, at once if it has. Returns what ends the listening. */
  onCancel(listener: (why: "stopped" | "shutdown" | "cancelled") => void): () => void;
}

/** One attempt of one step of a turn. */
export class Attempt {
  readonly #deps: AttemptDeps;
  readonly #request: RespondRequest;
  readonly #activity: Activity;
  readonly #model: Model;
  readonly #fence: Fence;
  readonly #started: TurnStartedBody;
  readonly #contextTurns: number;
  readonly #startedAt = performance.now();
  readonly #generation = new Generation();

  constructor(deps: AttemptDeps, request: RespondRequest, activity: Activity, model: Model) {
    const { incarnation, turn, step, version, agent, inputs, applied } = request;
    this.#deps = deps;
    this.#request = request;
    this.#activity = activity;
    this.#model = model;
    this.#fence = { incarnation, turn, step, attempt: activity.attempt };
    this.#started = { type: "turn.started", version, turn, agent, inputs, applied };
    this.#contextTurns = request.request.contextTurns ?? deps.config.contextTurns;
  }

  /** Rejects with an `ApplicationFailure` of failures.ts, or with `CancelledFailure`. */
  async run(): Promise<RespondResult> {
    const stopListening = this.#activity.onCancel((why) => this.#generation.end({ why }));
    try {
      const begin = this.#begin();
      // While Redis answers: this needs nothing but the inputs.
      const enrichment = enrich(this.#deps.language, this.#request.inputs);
      const answer = await this.#answer(await begin);
      const spentMs = Math.max(0, Date.now() - this.#activity.scheduledAt);
      return { ...answer, model: this.#model.name, enrichment, spentMs };
    } finally {
      stopListening();
    }
  }

  /** Takes the fence. Undefined when the log is out of reach: the answer matters more, and its stream repairs the log. */
  async #begin(): Promise<Begun | undefined> {
    try {
      return await this.#deps.log.begin(this.#request.key, this.#fence, this.#started, this.#contextTurns);
    } catch {
      return undefined;
    }
  }

  async #answer(begun: Begun | undefined): Promise<Answer> {
    if (begun?.outcome === "stale") throw superseded();
    const before = await this.#textBefore(begun);
    // What readers hold of this very step; a log that lost some of it before counts as holding nothing of it.
    const held =
      begun?.baseLength === before.length && begun.text.startsWith(before) ? begun.text.slice(before.length) : "";
    if (begun?.stop === true) return { text: held, finish: "interrupted" };

    const prompt = await this.#prompt(begun, before, held);
    const call = this.#enterBreaker();
    const stream = this.#openStream(begun, before, prompt.prefix);
    const ending = await this.#generate(prompt, stream, call);
    this.#tell(call, ending);

    if (ending.why === "superseded" || ending.why === "cancelled") stream.close();
    // Whatever comes next, the more of the text readers hold the better: another attempt may go on from there.
    else await stream.finish(this.#deps.config.settleMs);
    return this.#conclude(ending, stream.text, held);
  }

  /** What the turn's earlier steps said: as readers hold it, or, where the log lost some of it, as the workflow has it. */
  async #textBefore(begun: Begun | undefined): Promise<string> {
    const { key, incarnation, turn, textBefore } = this.#request;
    if (textBefore === 0) return "";
    if (begun?.baseLength === textBefore) return begun.text.slice(0, textBefore);
    try {
      const truth = await this.#deps.queryState(key);
      const { running } = truth.snapshot;
      const isSame = truth.incarnation === incarnation && running?.turn === turn;
      if (isSame && running.text.length === textBefore) return running.text;
    } catch (cause) {
      throw this.#unread("turn", cause);
    }
    // The workflow is past this step: nobody waits for its answer.
    throw superseded();
  }

  async #prompt(begun: Begun | undefined, before: string, held: string): Promise<ModelPrompt> {
    const messages = await this.#messages(begun, before);
    const prompt = { messages, prefix: held, request: this.#request.request };
    return held !== "" && this.#model.continuesFrom(prompt) ? prompt : { ...prompt, prefix: "" };
  }

  async #messages(begun: Begun | undefined, before: string): Promise<Message[]> {
    if (this.#contextTurns === 0) return messagesOf(this.#request, [], 0, before);
    try {
      const turns = await readTurns(this.#deps, this.#request.key, begun?.turns);
      return messagesOf(this.#request, turns, this.#contextTurns, before);
    } catch (cause) {
      throw this.#unread("conversation", cause);
    }
  }

  #enterBreaker(): GuardedCall {
    const { provider, name } = this.#model;
    const entry = this.#deps.breakers.of(provider, name).enter();
    if (entry.outcome === "allowed") return entry.call;
    throw breakerOpen(name, entry.retryAfterMs, this.#deps.config.retry);
  }

  #openStream(begun: Begun | undefined, before: string, prefix: string): TextStream {
    return new TextStream({
      log: this.#deps.log,
      key: this.#request.key,
      fence: this.#fence,
      started: this.#started,
      begun,
      before,
      prefix,
      batchMs: this.#deps.config.batchMs,
      onStop: () => this.#generation.end({ why: "stopped" }),
      onStale: () => this.#generation.end({ why: "superseded" }),
    });
  }

  async #generate(prompt: ModelPrompt, stream: TextStream, call: GuardedCall): Promise<Ending> {
    const { config, metrics } = this.#deps;
    let isFirst = true;
    return this.#generation.run(this.#model, prompt, config, (text) => {
      if (isFirst) {
        isFirst = false;
        call.answering();
        metrics.firstText(labelsOf(this.#model), (performance.now() - this.#startedAt) / 1_000);
      }
      const room = Math.max(0, config.maxTextLength - this.#request.textBefore - stream.text.length);
      stream.push(text.slice(0, room));
      if (text.length >= room) this.#generation.end({ why: "too long" });
    });
  }

  #tell(call: GuardedCall, ending: Ending): void {
    if (ending.why === "finished") {
      call.succeeded();
      this.#deps.metrics.tokens(labelsOf(this.#model), ending.usage);
    } else if (ending.why === "failed" && ending.error.kind === "broken") call.failed();
    else call.ended();
  }

  #conclude(ending: Ending, text: string, held: string): Answer {
    switch (ending.why) {
      case "finished": {
        if (text === "") throw this.#failureOf(new ModelError("broken", "The model answered nothing."));
        const hasUsage = Object.keys(ending.usage).length > 0;
        return { text, finish: "stop", ...(hasUsage ? { usage: ending.usage } : {}) };
      }
      case "too long":
        return { text, finish: "limit" };
      case "stopped":
        // Stopped before it had said anything: what readers still see of the attempt before is the partial text.
        return { text: text === "" ? held : text, finish: "interrupted" };
      case "superseded":
        throw superseded();
      case "shutdown":
        throw workerShutdown();
      case "cancelled":
        throw new CancelledFailure("Temporal does not wait for this attempt any more.");
      case "failed":
        throw this.#failureOf(ending.error);
    }
  }

  /** The question to the workflow ends with its worker: then it has failed at nothing. */
  #unread(what: "turn" | "conversation", cause: unknown): Error {
    if (this.#generation.ended?.why === "shutdown") return workerShutdown();
    return this.#failureOf(new ModelError("broken", `The ${what} so far could not be read.`, { cause }));
  }

  #failureOf(error: ModelError): Error {
    return failureOf(error, this.#activity.attempt, this.#deps.config.retry);
  }
}
