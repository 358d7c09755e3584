import type { SessionKey } from "@holdfast/contract";
import { check } from "./checker.ts";
import { crashesIn, type Fixture } from "./fixture.ts";
import type { History, Violation } from "./history.ts";
import { Links } from "./link.ts";
import { talk } from "./load.ts";
import { answersIn, modelCallsOf } from "./model-calls.ts";
import { RawParticipant, SdkParticipant, sessionsOf, type Talker } from "./participant.ts";
import { rest } from "./rest.ts";
import { randomFrom } from "./statistics.ts";
import { Transcripts } from "./temporal.ts";
import { repeatedly } from "./wait.ts";

/** Who talks in a run, and for how long. */
export interface RunOptions {
  /** Begins the names of its sessions; no other run in the same fixture has it. Which node holds a session follows from it. */
  name: string;
  seed: number;
  /** How long clients talk, at least: a strike that comes late has to find somebody talking. */
  durationMs: number;
  clients: number;
  /** How many times longer than usual clients wait before they speak again. */
  slowness?: number;
}

/** What a strike can reach beside the processes. */
export interface Targets {
  readonly links: Links;
  readonly participants: readonly Talker[];
}

/** A blow that fell. */
export interface Blow {
  fault: string;
  /** How long what was held stayed so. */
  holdMs: number;
  /** When it fell, in milliseconds since the clients began: what was to be struck may have been away till then. */
  struckAtMs: number;
  /** Some reader held a turn under way. Nothing much is proved by a blow that falls into silence. */
  midStream: boolean;
}

/** What befalls a run. */
export interface Attack {
  /** Resolves with the blows that fell when everything that was struck is back. */
  strike(targets: Targets, clock: () => number): Promise<readonly Blow[]>;
  /** Milliseconds it may take. A bound on a hang. */
  withinMs: number;
}

export interface RunResult {
  seed: number;
  strikes: readonly Blow[];
  history: History;
  violations: Violation[];
  acked: number;
  /** From the end of the strikes until every reader held the workflow's transcript. */
  settledMs: number;
  /** Sessions whose workflow continued as new. */
  continued: number;
}

/** A session passes what its snapshot keeps in about a hundred seconds. */
const WATCH_MS = 15_000;

/** Clients talk while they are under attack; then everything must come to rest, and the checker looks at all of it. */
export async function runUnder(fixture: Fixture, options: RunOptions, attack: Attack): Promise<RunResult> {
  const { stack, model } = fixture;
  const { seed, durationMs, slowness = 1 } = options;
  const links = await Links.lay(options.clients, stack.edgeUrls);
  const began = performance.now();
  const clock = (): number => Math.round(performance.now() - began);
  const interrupts: string[] = [];
  let isUnderFire = true;
  const participants = enlist(fixture, options, links, clock);
  const callsBefore = model.calls.at(-1)?.number ?? 0;
  const onTheWay = new Transcripts(stack.temporalAddress);
  const sessions = sessionsOf(participants);
  const stopWatching = repeatedly(WATCH_MS, async () => {
    if (clock() >= WATCH_MS) await Promise.allSettled(sessions.map((key) => onTheWay.ask(key)));
  });
  try {
    const attacked = inTime(attack.strike({ links, participants }, clock), attack.withinMs);
    void attacked.then(() => (isUnderFire = false));
    const pauseMs = { least: 400 * slowness, spread: 1_200 * slowness };
    const talks = participants.map((participant, index) =>
      talk(participant, {
        pauseMs,
        observes: 0.3,
        interrupts: 0.1,
        onInterrupt: ({ path }) => interrupts.push(path),
        random: randomFrom(seed * 1_000 + index),
        isOver: () => clock() >= durationMs && !isUnderFire,
      }),
    );
    const [{ strikes, hangs: missed }] = await Promise.all([attacked, ...talks]);
    await stopWatching();
    const { transcripts, told, hangs, continued, tookMs } = await rest(participants, stack.temporalAddress);
    const modelCalls = modelCallsOf(model.calls.filter(({ number }) => number > callsBefore));
    if ((model.calls[0]?.number ?? 0) > callsBefore + 1)
      missed.push("the run was too long to be checked whole: the model has forgotten its first calls");
    const history: History = {
      sent: participants.flatMap(({ sent }) => sent),
      transcripts,
      told: [...onTheWay.told, ...told],
      readers: participants.map((participant) => participant.record()),
      modelCalls,
      answers: answersIn(modelCalls),
      interrupts,
      crashes: crashesIn(fixture.exits(), began),
      hangs: [...missed, ...hangs],
    };
    const acked = history.sent.filter(({ durable }) => durable).length;
    return { seed, strikes, history, violations: check(history), acked, settledMs: tookMs, continued };
  } finally {
    await stopWatching();
    await onTheWay.close();
    await Promise.allSettled(participants.map((participant) => participant.close()));
    await links.close();
  }
}

/** Every session has two clients, like two tabs; one client in three knows nothing but SPEC.md. */
function enlist({ stack }: Fixture, { name, seed, clients }: RunOptions, links: Links, clock: () => number): Talker[] {
  return Array.from({ length: clients }, (_, index) => {
    const subject = `${name}-user-${Math.floor(index / 2) + 1}`;
    const key: SessionKey = { tenant: "acme", owner: subject, name: "talk" };
    const edges = links.ofClient(index).map(({ url }) => url);
    const participant = {
      name: `${name}-client-${index + 1}`,
      key,
      edges: [...edges.slice(index % edges.length), ...edges.slice(0, index % edges.length)],
      token: () => stack.token({ subject }),
      clock,
      random: randomFrom(seed * 1_000 + 500 + index),
    };
    return index % 3 === 2 ? new RawParticipant(participant) : new SdkParticipant(participant);
  });
}

/** Strikes that went wrong, or are not over in time, are told as what they may well be. The run is judged all the same. */
async function inTime(
  attack: Promise<readonly Blow[]>,
  withinMs: number,
): Promise<{ strikes: readonly Blow[]; hangs: string[] }> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(reject, withinMs, `strikes are not over after ${withinMs / 1_000} s`);
  try {
    return { strikes: await Promise.race([attack, late]), hangs: [] };
  } catch (error) {
    return { strikes: [], hangs: [typeof error === "string" ? error : `a strike went wrong: ${String(error)}`] };
  } finally {
    clearTimeout(timer);
  }
}
