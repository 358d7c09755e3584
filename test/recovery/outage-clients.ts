import { type SessionKey, sessionPath, workflowIdOf } from "@holdfast/contract";
import {
  type EventBatch,
  type SessionStart,
  SHARED_LANE,
  SIGNAL_EVENTS,
  TASK_QUEUE_SESSIONS,
  WORKFLOW_TYPE,
} from "@holdfast/internal";
import type { Socket } from "socket.io-client";
import type { Fixture } from "../kit/fixture.ts";
import type { SentEvent } from "../kit/history.ts";
import { talk } from "../kit/load.ts";
import { type Participant, type ParticipantOptions, RawParticipant, SdkParticipant } from "../kit/participant.ts";
import { ask, type Obj, rawConnect } from "../kit/raw-client.ts";
import type { TemporalClient } from "../kit/temporal.ts";
import type { Rules } from "../kit/wait.ts";
import type { ServerName } from "./servers.ts";

/** Milliseconds between two things one client says. */
const PAUSE_MS = { least: 1_400, spread: 1_200 };

export const keyOf = (owner: string): SessionKey => ({ tenant: "acme", owner, name: "talk" });

/** Those who talk. Every session has two clients, at different edges; of every second session one knows only SPEC.md. */
export class OutageLoad {
  readonly participants: Participant[] = [];
  readonly #stack: Fixture["stack"];
  readonly #began = performance.now();
  readonly #silence = new AbortController();
  readonly #talks: Promise<void>[] = [];

  constructor(stack: Fixture["stack"]) {
    this.#stack = stack;
  }

  readonly clock = (): number => performance.now() - this.#began;

  /** Those that use `@holdfast/client`. */
  get applications(): SdkParticipant[] {
    return this.participants.filter((each) => each instanceof SdkParticipant);
  }

  get sent(): SentEvent[] {
    return this.participants.flatMap(({ sent }) => sent);
  }

  /** One more session with both its clients, which begin to talk. */
  join(subject: string, isRawToo: boolean): void {
    const [first, second] = [this.optionsOf(subject, "a", 0), this.optionsOf(subject, "b", 1)];
    for (const each of [new SdkParticipant(first), new (isRawToo ? RawParticipant : SdkParticipant)(second)]) {
      this.participants.push(each);
      const { signal } = this.#silence;
      const often = { pauseMs: PAUSE_MS, observes: 1 / 3, random: Math.random };
      this.#talks.push(talk(each, { ...often, isOver: () => signal.aborted, signal }));
    }
  }

  optionsOf(subject: string, tab: string, edge: number): ParticipantOptions {
    const urls = this.#stack.edgeUrls;
    const edges = [...urls.slice(edge), ...urls.slice(0, edge)];
    const token = (): Promise<string> => this.#stack.token({ subject });
    return { name: `${subject}-${tab}`, key: keyOf(subject), edges, token, clock: this.clock };
  }

  async fallSilent(): Promise<void> {
    this.#silence.abort();
    await Promise.all(this.#talks);
  }

  async leave(): Promise<void> {
    await this.fallSilent();
    await Promise.allSettled(this.participants.map((each) => each.close()));
  }
}

export type Newcomer = Awaited<ReturnType<typeof arrive>>;

/**
 * A client that knows only SPEC.md, with a session nobody has used before. Rejects when the edge does not let it in, or
 * answers nothing.
 */
export async function arrive(edge: string, token: string) {
  const began = performance.now();
  let isTold = false;
  const listen = (connecting: Socket): unknown =>
    connecting.on("status", ({ degraded }: { degraded: boolean }) => (isTold = degraded));
  const { socket } = await rawConnect(edge, token, listen);
  const connectMs = performance.now() - began;
  const timed = async (event: string, request: Obj) => {
    const asked = performance.now();
    const ack = await ask(socket, event, { session: "s", ...request });
    return { ack, ms: performance.now() - asked };
  };

  return {
    /** What `status` said last (SPEC open-6). */
    isTold: () => isTold,
    leave: () => socket.close(),

    /** Tries everything there is to ask of an edge; `away`: what is not there. Returns the milliseconds each took. */
    async lookAround(away: ReadonlySet<ServerName>, rules: Rules) {
      const expect = (rule: string, holds: boolean, seen: unknown): void =>
        rules.holds(`${rule}: ${JSON.stringify(seen)}`, holds);
      const opened = await timed("open", { agent: "echo" });
      expect("open-2: `open` is answered while a server is away", opened.ack.ok, opened.ack);
      if (!away.has("temporal")) {
        const { ack } = await timed("send", { producer: "p", events: [{ seq: 1, kind: "observe", name: "arrives" }] });
        expect("ack-1: what is sent is made durable without Redis", ack.durable === 1, ack);
      }
      const commanded = await timed("command", { id: "c", name: "interrupt" });
      // A session without a workflow has nothing to interrupt; one whose workflow cannot be reached may have.
      const code = commanded.ack.error?.code;
      const wanted = away.has("temporal") ? code === "unavailable" : commanded.ack.ok;
      expect("command-3: a command is answered, or `unavailable`", wanted, commanded.ack);
      return { connectMs, openMs: opened.ms, commandMs: commanded.ms };
    },
  };
}

/**
 * Passes one input on as an edge would, to a session that no edge follows, as when the edge it came by is gone: only its
 * workflow can repair its log. `at`: milliseconds since the run began.
 */
export async function speakUnwatched(temporal: TemporalClient, key: SessionKey, at: number): Promise<SentEvent> {
  const [producer, text] = [key.owner, `${key.owner} says it and is gone`];
  const start: SessionStart = { key, agent: "concierge", lane: SHARED_LANE };
  const batch: EventBatch = {
    runs: [{ by: key.owner, producer, at: Date.now(), events: [{ seq: 1, kind: "input", text }] }],
  };
  await temporal.workflow.signalWithStart(WORKFLOW_TYPE, {
    workflowId: workflowIdOf(key),
    taskQueue: TASK_QUEUE_SESSIONS,
    args: [start],
    signal: SIGNAL_EVENTS,
    signalArgs: [batch],
  });
  return { session: sessionPath(key), producer, seq: 1, kind: "input", text, at, durable: true };
}
