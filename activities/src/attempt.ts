import { type BodyOf, type Part, textOfParts } from "@holdfast/contract";
import type { StepRequest, StepResult } from "@holdfast/internal";
import type { Begun, Fence, SessionLog } from "@holdfast/session-log";
import { CancelledFailure } from "@temporalio/activity";
import { Answer } from "./answer.ts";
import type { Breakers, GuardedCall } from "./breakers.ts";
import type { RespondConfig } from "./config.ts";
import { messagesOf, sizeOf } from "./context.ts";
import { breakerOpen, deadlineReached, failureOf, superseded, unread, workerShutdown } from "./failures.ts";
import type { FinishedAnswer, FinishedAnswers } from "./finished-answers.ts";
import { type Ending, Generation, type Said } from "./generation.ts";
import type { RespondMetrics } from "./metrics.ts";
import { FAILURE_POLICY, ModelError } from "./models/model-error.ts";
import { labelsOf, type Message, type Model, type ModelPrompt } from "./models/model.ts";
import { type Conversation, type ConversationDeps, readConversation } from "./session-state.ts";
import type { StepProgress } from "./step-progress.ts";
import { StepWriter } from "./step-writer.ts";

export interface AttemptDeps extends ConversationDeps {
  log: Pick<SessionLog, "begin" | "write" | "putSnapshot">;
  breakers: Breakers;
  finished: FinishedAnswers;
  metrics: RespondMetrics;
  config: RespondConfig;
}

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

/** One attempt of one step of a turn, made by a model. */
export class Attempt {
  readonly #deps: AttemptDeps;
  readonly #request: StepRequest;
  readonly #activity: Activity;
  readonly #model: Model;
  readonly #fence: Fence;
  readonly #contextTurns: number;
  readonly #startedAt = performance.now();
  readonly #generation = new Generation();
  readonly #writer: StepWriter;
  readonly #answer: Answer;

  constructor(deps: AttemptDeps, request: StepRequest, activity: Activity, model: Model) {
    const { key, epoch, turn, step, lengthBefore } = request;
    this.#deps = deps;
    this.#request = request;
    this.#activity = activity;
    this.#model = model;
    this.#fence = { epoch, turn, step, attempt: activity.attempt };
    this.#contextTurns = request.request.contextTurns ?? deps.config.contextTurns;
    this.#writer = new StepWriter({
      log: deps.log,
      key,
      fence: this.#fence,
      started: startedBy(request),
      batchMs: deps.config.batchMs,
      onStop: () => this.#generation.end({ why: "stopped" }),
      onStale: () => this.#generation.end({ why: "superseded" }),
    });
    this.#answer = new Answer({
      writer: this.#writer,
      room: deps.config.turnLength - lengthBefore,
      onFull: () => this.#generation.end({ why: "too long" }),
      warn: (message, attributes) => activity.warn(message, attributes),
    });
  }

  /** Rejects with an `ApplicationFailure` of failures.ts, or with `CancelledFailure`. */
  async run(): Promise<StepResult> {
    const { progress } = this.#activity;
    if (progress.remainingMs === 0) throw deadlineReached();
    const stopListening = this.#activity.onCancel((why) => this.#generation.end({ why }));
    const deadline = setTimeout(() => this.#generation.end({ why: "deadline" }), progress.remainingMs);
    try {
      // The log may be out of reach: the answer matters more, and the writer repairs the log.
      return await this.#respond(await this.#writer.begin(this.#contextTurns));
    } finally {
      clearTimeout(deadline);
      stopListening();
    }
  }

  async #respond(begun: Begun | undefined): Promise<StepResult> {
    if (begun?.outcome === "stale") throw superseded();
    const held = begun?.parts ?? [];
    if (begun?.stop === true) return this.#heldResult({ finish: "interrupted" });
    const finished = await this.#finishedBefore(held);
    if (finished !== undefined) return this.#heldResult(finished);

    const conversation = await this.#conversation(begun);
    const prompt = this.#prompt(held, this.#messages(conversation, this.#model.promptTokens(this.#request.request)));
    const call = this.#enterBreaker();
    if (prompt.prefix !== "") this.#writer.goOn();
    const ending = await this.#ask(conversation, prompt, call);
    this.#tell(call, ending);

    if (ending.why === "superseded" || ending.why === "cancelled") this.#writer.close();
    // Whatever comes next, the more of the parts readers hold the better: another attempt may go on from there.
    else await this.#writer.finish(this.#deps.config.settleMs);
    return this.#conclude(ending);
  }

  /** An attempt before this one had the whole answer, and Temporal did not hear of it. */
  async #finishedBefore(held: Part[]): Promise<FinishedAnswer | undefined> {
    if (this.#activity.attempt === 1 || held.length === 0) return undefined;
    return this.#deps.finished.find(this.#request.key, this.#fence, held);
  }

  async #conversation(begun: Begun | undefined): Promise<Conversation> {
    let conversation: Conversation | undefined;
    try {
      conversation = await readConversation(this.#deps, this.#request, this.#contextTurns, begun);
    } catch (cause) {
      throw this.#unread(cause);
    }
    if (conversation === undefined) throw superseded();
    return conversation;
  }

  #messages(conversation: Conversation, tokens: number | undefined): Message[] {
    return messagesOf(this.#request, conversation, this.#contextTurns, tokens);
  }

  /** Where the model can, it goes on from the text that readers hold of this very step. */
  #prompt(held: Part[], messages: Message[]): ModelPrompt {
    const prompt = { messages, prefix: textOfParts(held), request: this.#request.request };
    return prompt.prefix !== "" && this.#model.continuesFrom(prompt) ? prompt : { ...prompt, prefix: "" };
  }

  #enterBreaker(): GuardedCall {
    const { provider, name } = this.#model;
    const entry = this.#deps.breakers.of(provider, name).enter();
    if (entry.outcome === "allowed") return entry.call;
    throw breakerOpen(entry.retryAfterMs, this.#activity.progress, this.#deps.config.retry);
  }

  /**
   * Asks, and where the conversation is what the server refused, asks again with less of it: two requests more at most when it is
   * too long, one when somebody once said in it what the provider does not allow.
   */
  async #ask(conversation: Conversation, whole: ModelPrompt, call: GuardedCall): Promise<Ending> {
    const goesOnFrom = this.#writer.parts;
    let prompt = whole;
    for (let asked = 1; ; asked++) {
      const ending = this.#judged(await this.#generate(prompt, call));
      if (ending.why !== "failed") return ending;
      this.#deps.metrics.failed(labelsOf(this.#model), ending.error.failure);
      const { message, cause, failure } = ending.error;
      this.#activity.warn("a model call failed", { class: failure, detail: message, err: cause });
      const hasAnswered = this.#answer.text !== prompt.prefix;
      const less = hasAnswered ? undefined : this.#less(conversation, prompt, ending.error, asked);
      if (less === undefined) return ending;
      // What it thought of the question that was refused is no part of the answer to the next one.
      if (this.#writer.parts !== goesOnFrom) this.#writer.rewind(goesOnFrom);
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

  async #generate(prompt: ModelPrompt, call: GuardedCall): Promise<Ending> {
    const { config, metrics } = this.#deps;
    let isFirst = true;
    const onSaid = (said: Said): void => {
      if (isFirst && isText(said)) {
        isFirst = false;
        call.answering();
        metrics.firstText(labelsOf(this.#model), (performance.now() - this.#startedAt) / 1_000);
      }
      this.#answer.take(said);
    };
    return this.#generation.run(this.#model, prompt, config, onSaid);
  }

  /** Not every answer that finished is one. */
  #judged(ending: Ending): Ending {
    if (ending.why !== "finished") return ending;
    const fail = (error: ModelError): Ending => ({ why: "failed", error });
    if (this.#answer.text.trim() === "") {
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

  #conclude(ending: Ending): StepResult {
    switch (ending.why) {
      case "finished": {
        const finish = ending.finish === "unclear" ? "stop" : ending.finish;
        const hasUsage = Object.keys(ending.usage).length > 0;
        return this.#finishedResult({ finish, ...(hasUsage ? { usage: ending.usage } : {}) });
      }
      case "too long":
        return this.#finishedResult({ finish: "limit" });
      case "stopped":
        // Stopped before it had made anything: what readers still see of the attempt before is what there is.
        if (this.#writer.parts.length === 0) return this.#heldResult({ finish: "interrupted" });
        return this.#result({ finish: "interrupted" });
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

  #finishedResult(end: FinishedAnswer): StepResult {
    this.#deps.finished.note(this.#request.key, this.#fence, this.#writer.parts, end);
    return this.#result(end);
  }

  /** What an attempt before this one made is the step's result. */
  #heldResult(end: FinishedAnswer): StepResult {
    this.#writer.goOn();
    return this.#result(end);
  }

  #result(end: FinishedAnswer): StepResult {
    const { index, parts } = this.#writer;
    return {
      attempt: this.#fence.attempt,
      ...(index === undefined ? {} : { index }),
      parts: [...parts],
      ...end,
      model: this.#model.name,
      spentMs: this.#activity.progress.spentMs,
    };
  }

  /** The question to the workflow ends with its worker: then it has failed at nothing. */
  #unread(cause: unknown): Error {
    if (this.#generation.ended?.why === "shutdown") return workerShutdown();
    return unread(cause, this.#activity.attempt, this.#activity.progress, this.#deps.config.retry);
  }
}

function isText(said: Said): boolean {
  return said.kind === "text" || (said.kind === "reclassify" && said.as === "text");
}

function startedBy(request: StepRequest): BodyOf<"turn.started"> {
  const { startedVersion: version, turn, agent, origin, inputs, applied, traceparent } = request;
  const traced = traceparent === undefined ? {} : { traceparent };
  return { type: "turn.started", version, turn, agent, origin, inputs, applied, ...traced };
}
