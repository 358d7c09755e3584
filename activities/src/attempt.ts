import type { Turn, TurnStartedBody } from "@holdfast/contract";
import type { RespondRequest, RespondResult } from "@holdfast/internal";
import type { Begun, Fence, SessionLog } from "@holdfast/session-log";
import { CancelledFailure } from "@temporalio/activity";
import type { GuardedCall } from "./breaker.ts";
import type { Breakers } from "./breakers.ts";
import type { RespondConfig } from "./config.ts";
import { messagesOf, readTurns, sizeOf, type ContextSource } from "./context.ts";
import { enrich } from "./enrichment.ts";
import { breakerOpen, deadlineReached, failureOf, superseded, unread, workerShutdown } from "./failures.ts";
import type { FinishedAnswer, FinishedAnswers } from "./finished-answers.ts";
import { Generation, type Ending, type Said } from "./generation.ts";
import type { Language } from "./language.ts";
import type { RespondMetrics } from "./metrics.ts";
import { FAILURE_POLICY, ModelError } from "./models/model-error.ts";
import { labelsOf, type Message, type Model, type ModelPrompt } from "./models/model.ts";
import type { StepProgress } from "./step-progress.ts";
import { TextStream } from "./text-stream.ts";

export interface AttemptDeps extends ContextSource {
  log: Pick<SessionLog, "begin" | "appendText" | "rewind" | "putSnapshot">;
  breakers: Breakers;
  finished: FinishedAnswers;
  loadLanguage: () => Promise<Language>;
  metrics: RespondMetrics;
  config: RespondConfig;
}

type Answer = Pick<RespondResult, "text" | "finish" | "usage">;

/** What an attempt needs to know of the activity it runs in. */
export interface Activity {
  /** Counts from 1. */
  attempt: number;
  progress: StepProgress;
  /** Calls back once when Temporal cancels the attempt, at once if it has. Returns what ends the listening. */
  onCancel(listener: (why: "stopped" | "shutdown" | "cancelled") => void): () => void;
  /** For operators. */
  warn(message: string, attributes: Record<string, unknown>): void;
}

/** What the prompts of an attempt are made of. */
interface Conversation {
  turns: Turn[];
  /** Text of the turn's earlier steps. */
  before: string;
  /** Text of this step that readers hold. */
  held: string;
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
    const { epoch, turn, step, version, agent, inputs, applied } = request;
    this.#deps = deps;
    this.#request = request;
    this.#activity = activity;
    this.#model = model;
    this.#fence = { epoch, turn, step, attempt: activity.attempt };
    this.#started = { type: "turn.started", version, turn, agent, inputs, applied };
    this.#contextTurns = request.request.contextTurns ?? deps.config.contextTurns;
  }

  /** Rejects with an `ApplicationFailure` of failures.ts, or with `CancelledFailure`. */
  async run(): Promise<RespondResult> {
    const { progress } = this.#activity;
    if (progress.remainingMs === 0) throw deadlineReached();
    const stopListening = this.#activity.onCancel((why) => this.#generation.end({ why }));
    const deadline = setTimeout(() => this.#generation.end({ why: "deadline" }), progress.remainingMs);
    try {
      const answer = await this.#answer(await this.#begin());
      const { inputs, request } = this.#request;
      const enrichment = request.enrich === true ? enrich(await this.#deps.loadLanguage(), inputs) : undefined;
      const result = { ...answer, model: this.#model.name, spentMs: progress.spentMs };
      return enrichment === undefined ? result : { ...result, enrichment };
    } finally {
      clearTimeout(deadline);
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
    const finished = await this.#finishedBefore(held);
    if (finished !== undefined) return { text: held, ...finished };

    const conversation = { turns: await this.#turns(begun), before, held };
    const prompt = this.#prompt(conversation, this.#messages(conversation, this.#promptTokens()));
    const call = this.#enterBreaker();
    const stream = this.#openStream(begun, before, prompt.prefix);
    const ending = await this.#ask(conversation, prompt, stream, call);
    this.#tell(call, ending);

    if (ending.why === "superseded" || ending.why === "cancelled") stream.close();
    // Whatever comes next, the more of the text readers hold the better: another attempt may go on from there.
    else await stream.finish(this.#deps.config.settleMs);
    const answer = this.#conclude(ending, stream.text, held);
    if (answer.finish !== "interrupted") this.#deps.finished.note(this.#request.key, this.#fence, answer.text, answer);
    return answer;
  }

  /** An attempt before this one had the whole answer, and Temporal did not hear of it. */
  async #finishedBefore(held: string): Promise<FinishedAnswer | undefined> {
    if (this.#activity.attempt === 1 || held === "") return undefined;
    return this.#deps.finished.find(this.#request.key, this.#fence, held);
  }

  /** What the turn's earlier steps said: as readers hold it, or, where the log lost some of it, as the workflow has it. */
  async #textBefore(begun: Begun | undefined): Promise<string> {
    const { key, epoch, turn, textBefore } = this.#request;
    if (textBefore === 0) return "";
    if (begun?.baseLength === textBefore) return begun.text.slice(0, textBefore);
    try {
      const truth = await this.#deps.queryState(key);
      const { running } = truth.snapshot;
      const isSame = truth.epoch === epoch && running?.turn === turn;
      if (isSame && running.text.length === textBefore) return running.text;
    } catch (cause) {
      throw this.#unread("turn", cause);
    }
    // The workflow is past this step: nobody waits for its answer.
    throw superseded();
  }

  async #turns(begun: Begun | undefined): Promise<Turn[]> {
    if (this.#contextTurns === 0) return [];
    try {
      return await readTurns(this.#deps, this.#request.key, begun?.turns);
    } catch (cause) {
      throw this.#unread("conversation", cause);
    }
  }

  #promptTokens(): number | undefined {
    return this.#model.promptTokens(this.#request.request);
  }

  #messages({ turns, before }: Conversation, tokens: number | undefined): Message[] {
    return messagesOf(this.#request, turns, this.#contextTurns, before, tokens);
  }

  #prompt({ held }: Conversation, messages: Message[]): ModelPrompt {
    const prompt = { messages, prefix: held, request: this.#request.request };
    return held !== "" && this.#model.continuesFrom(prompt) ? prompt : { ...prompt, prefix: "" };
  }

  #enterBreaker(): GuardedCall {
    const { provider, name } = this.#model;
    const entry = this.#deps.breakers.of(provider, name).enter();
    if (entry.outcome === "allowed") return entry.call;
    throw breakerOpen(entry.retryAfterMs, this.#activity.progress, this.#deps.config.retry);
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

  /**
   * Asks, and where the conversation is what the server refused, asks again with less of it: two requests more at most when it is
   * too long, one when somebody once said in it what the provider does not allow.
   */
  async #ask(conversation: Conversation, whole: ModelPrompt, stream: TextStream, call: GuardedCall): Promise<Ending> {
    let prompt = whole;
    for (let asked = 1; ; asked++) {
      const ending = this.#judged(await this.#generate(prompt, stream, call), stream.text);
      if (ending.why !== "failed") return ending;
      this.#deps.metrics.failed(labelsOf(this.#model), ending.error.failure);
      const { message, cause, failure } = ending.error;
      this.#activity.warn("a model call failed", { class: failure, detail: message, err: cause });
      const less = stream.text === prompt.prefix ? this.#less(conversation, prompt, ending.error, asked) : undefined;
      if (less === undefined) return ending;
      prompt = { ...prompt, messages: less };
    }
  }

  /** Undefined when the newest message was alone already, or the failure is of another kind. */
  #less(
    conversation: Conversation,
    { messages }: ModelPrompt,
    { failure }: ModelError,
    asked: number,
  ): Message[] | undefined {
    if (failure !== "content" && failure !== "too_long") return undefined;
    const [size, alone] = [sizeOf(messages), this.#messages(conversation, 0)];
    if (size <= sizeOf(alone)) return undefined;
    return failure === "too_long" && asked === 1 ? this.#messages(conversation, size / 4) : alone;
  }

  async #generate(prompt: ModelPrompt, stream: TextStream, call: GuardedCall): Promise<Ending> {
    const { config, metrics } = this.#deps;
    let isFirst = true;
    const onSaid = (said: Said): void => {
      if (said.kind === "retract") return stream.retract();
      if (isFirst) {
        isFirst = false;
        call.answering();
        metrics.firstText(labelsOf(this.#model), (performance.now() - this.#startedAt) / 1_000);
      }
      const room = Math.max(0, config.maxTextLength - this.#request.textBefore - stream.text.length);
      stream.push(said.text.slice(0, room));
      if (said.text.length >= room) this.#generation.end({ why: "too long" });
    };
    return this.#generation.run(this.#model, prompt, config, onSaid);
  }

  /** Not every answer that finished is one. */
  #judged(ending: Ending, text: string): Ending {
    if (ending.why !== "finished") return ending;
    const fail = (error: ModelError): Ending => ({ why: "failed", error });
    if (text.trim() === "") {
      switch (ending.finish) {
        case "length":
          return fail(new ModelError("output_limit", "The limit of tokens was spent before any text came."));
        case "filtered":
          return fail(new ModelError("content", "The whole answer was withheld by a content filter."));
        case "stop":
        case "unclear":
          return fail(new ModelError("empty", "The model answered nothing."));
      }
    }
    // Said twice in a row it is this server's way to end an answer.
    if (ending.finish !== "unclear" || this.#activity.progress.failed("unclear") > 0) return ending;
    return fail(new ModelError("unclear", "The server did not say in a known way whether the answer was whole."));
  }

  #tell(call: GuardedCall, ending: Ending): void {
    if (ending.why === "finished") {
      call.succeeded();
      this.#deps.metrics.tokens(labelsOf(this.#model), ending.usage);
    } else if (ending.why === "failed" && FAILURE_POLICY[ending.error.failure].isUnhealthy) call.failed();
    else call.ended();
  }

  #conclude(ending: Ending, text: string, held: string): Answer {
    switch (ending.why) {
      case "finished": {
        const finish = ending.finish === "unclear" ? "stop" : ending.finish;
        const hasUsage = Object.keys(ending.usage).length > 0;
        return { text, finish, ...(hasUsage ? { usage: ending.usage } : {}) };
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
      case "deadline":
        throw deadlineReached();
      case "cancelled":
        throw new CancelledFailure("Temporal does not wait for this attempt any more.");
      case "failed": {
        const { attempt, progress } = this.#activity;
        progress.noteFailure(ending.error.failure);
        throw failureOf(ending.error, attempt, progress, this.#deps.config.retry);
      }
    }
  }

  /** The question to the workflow ends with its worker: then it has failed at nothing. */
  #unread(what: "turn" | "conversation", cause: unknown): Error {
    if (this.#generation.ended?.why === "shutdown") return workerShutdown();
    return unread(what, cause, this.#activity.attempt, this.#activity.progress, this.#deps.config.retry);
  }
}
