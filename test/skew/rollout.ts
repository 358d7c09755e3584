import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type SessionKey, sessionPath } from "@holdfast/contract";
import { startTemporal } from "@holdfast/stack/servers";
import type { Stack } from "@holdfast/stack/stack";
import { CALM } from "../chaos/fixtures.ts";
import { check } from "../kit/checker.ts";
import { startFixture, withUndo } from "../kit/fixture.ts";
import type { Violation } from "../kit/history.ts";
import { talk } from "../kit/load.ts";
import { answersIn, modelCallsOf } from "../kit/model-calls.ts";
import { type Participant, type ParticipantOptions, RawParticipant } from "../kit/participant.ts";
import { ask, rawConnect } from "../kit/raw-client.ts";
import { isGrowing } from "../kit/reading.ts";
import { longest, silencesOf } from "../kit/report.ts";
import { rest } from "../kit/rest.ts";
import { ReleaseParticipant } from "./release-participant.ts";

/** Which of the two releases. */
type Release = "old" | "new";

/** One app is ended and comes back as another release. `SIGTERM`: it is drained and finishes what it began. */
interface Swap {
  app: string;
  signal: "SIGTERM" | "SIGKILL";
  to: Release;
}

/** The swaps one after the other, each while answers are being streamed. */
export interface Phase {
  name: string;
  swaps: readonly Swap[];
}

const drain = (app: string, to: Release): Swap => ({ app, signal: "SIGTERM", to });
const kill = (app: string, to: Release): Swap => ({ app, signal: "SIGKILL", to });

/**
 * A deployment and its rollback, with clients of both releases from beginning to end; everything begins as the old one.
 * Sessions that began in the first phase are the ones that talk in the last.
 */
export const PHASES: readonly Phase[] = [
  { name: "everything old", swaps: [] },
  { name: "one edge new", swaps: [drain("edge-2", "new")] },
  { name: "orchestrator killed, back as new", swaps: [kill("orchestrator", "new")] },
  { name: "the rest drained, back as new", swaps: [drain("inference", "new"), drain("edge-1", "new")] },
  { name: "everything new", swaps: [] },
  { name: "one edge old again", swaps: [drain("edge-1", "old")] },
  { name: "workers killed, back as old", swaps: [kill("inference", "old"), kill("orchestrator", "old")] },
  { name: "everything old again", swaps: [kill("edge-2", "old")] },
  {
    name: "rolling restart, new, without a rest",
    swaps: ["edge-1", "orchestrator", "edge-2", "inference"].map((app) => drain(app, "new")),
  },
];

/** A run continues as new after a dozen turns: under each release, and carried from the one to the other. */
const EARLY_CONTINUATION = ["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=150"];
/** Inputs each says in a phase. A transcript keeps 200 turns, and can be checked no longer than that. */
const INPUTS_A_PHASE = 5;

export type Rollout = Awaited<ReturnType<typeof openRollout>>;

/** One Holdfast whose apps change their release while clients of both talk. `trees`: roots of the releases' source trees. */
export function openRollout(trees: Record<Release, string>) {
  return withUndo(async (undo) => {
    // By app: what its next start is to bring, and what its last one brought.
    const [wanted, running] = [new Map<string, Release>(), new Map<string, Release>()];
    const source = (name: string): string => {
      const release = wanted.get(name) ?? "old";
      running.set(name, release);
      return trees[release];
    };
    const began = performance.now();
    const clock = (): number => Math.round(performance.now() - began);
    const temporal = await startTemporal({ args: EARLY_CONTINUATION });
    undo(() => temporal.stop());
    const fixture = await startFixture({ script: CALM, temporalAddress: temporal.address, source });
    undo(() => fixture.close());
    const { stack, model } = fixture;
    const participants = await enlist(stack, trees, clock);
    undo(() => Promise.allSettled(participants.map((participant) => participant.close())));
    const interrupts: string[] = [];
    const told = new Set<string>();
    const sent = () => participants.flatMap((participant) => participant.sent);
    const acked = (): number => sent().filter(({ durable }) => durable).length;

    const swap = async ({ app, signal, to }: Swap): Promise<void> => {
      wanted.set(app, to);
      await stack.kill(app, signal);
      await stack.whenReady(app);
      if (running.get(app) !== to) throw new Error(`${app} did not come back as the ${to} release.`);
    };

    const strike = async ({ name, swaps }: Phase): Promise<void> => {
      for (const each of swaps) {
        await midStream(participants, clock, name);
        await swap(each);
      }
      for (const url of stack.edgeUrls) {
        const streaming = await midStream(participants, clock, name);
        interrupts.push(sessionPath(streaming.key));
        await interrupt(url, await stack.token({ subject: streaming.key.owner }), streaming);
      }
    };

    const run = async (phase: Phase) => {
      const [from, ackedBefore] = [clock(), acked()];
      await Promise.all([...participants.map((each) => talkFor(phase, each)), strike(phase)]);
      const { transcripts, hangs, continued, tookMs } = await rest(participants, stack.temporalAddress);
      const readers = participants.map((participant) => participant.record());
      const modelCalls = modelCallsOf(model.calls);
      const answers = answersIn(modelCalls);
      const history = { sent: sent(), transcripts, readers, modelCalls, answers, interrupts, hangs };
      const broken = check(history).map((violation): [string, Violation] => [JSON.stringify(violation), violation]);
      const news = broken.filter(([text]) => !told.has(text));
      for (const [text] of news) told.add(text);
      return {
        acked: acked() - ackedBefore,
        /** Of this phase: what an earlier one broke was told then. */
        violations: news.map(([, violation]) => violation),
        /** Milliseconds: the longest a reader that was owed something was given nothing. */
        longestSilenceMs: longest(silencesOf(history).filter((silence) => silence.from >= from)),
        /** From the last word until every reader held the workflow's transcript. */
        settledMs: tookMs,
        /** Sessions that have continued as a new workflow run so far. */
        continued,
      };
    };
    return { run };
  });
}

/**
 * Two sessions, each with a client of either release at an edge of its own, the other way round in the second, and a raw one
 * that goes from edge to edge: every release of a client at every edge, and each session read through both.
 */
async function enlist(stack: Stack, trees: Record<Release, string>, clock: () => number): Promise<Participant[]> {
  const [one = "", two = ""] = stack.edgeUrls;
  const sessions = [
    { name: "first", old: one, new: two },
    { name: "second", old: two, new: one },
  ];
  const participants: Participant[] = [];
  for (const edges of sessions) {
    const subject = `user-${edges.name}`;
    const key: SessionKey = { tenant: "acme", owner: subject, name: "talk" };
    const token = (): Promise<string> => stack.token({ subject });
    const options = (client: string, at: readonly string[]): ParticipantOptions => {
      return { name: `${client}-${edges.name}`, key, edges: at, token, clock };
    };
    for (const release of ["old", "new"] as const)
      participants.push(await ReleaseParticipant.start(options(release, [edges[release]]), trees[release]));
    participants.push(new RawParticipant(options("raw", [edges.old, edges.new])));
  }
  return participants;
}

/** Says a few things, faster than they are answered, so that inputs wait in the session's queue. */
function talkFor({ name }: Phase, participant: Participant): Promise<void> {
  return talk(participant, {
    pauseMs: { least: 200, spread: 600 },
    observes: 0.5,
    random: Math.random,
    isOver: (said) => said >= INPUTS_A_PHASE,
    words: `${participant.name}, ${name}:`,
  });
}

/** A turn somebody was given a piece of a moment ago. */
interface Streaming {
  key: SessionKey;
  turn: number;
}

/** Resolves while an answer is being streamed to somebody; gives cause for one where there is none. */
async function midStream(participants: readonly Participant[], clock: () => number, phase: string): Promise<Streaming> {
  for (let waited = 0; ; waited++) {
    for (const participant of participants) {
      const last = participant.record().frames.at(-1);
      if (last !== undefined && isGrowing(last.frame) && clock() - last.at < 100)
        return { key: participant.key, turn: last.frame.turn };
    }
    if (waited % 100 === 50) participants[0]?.say(`${phase}: say more (${waited})`);
    await sleep(20);
  }
}

/**
 * Through one edge. Only a turn that has said something: an input without any answer is put before the next one, and what
 * the model answers to both nobody here could know. Throws when it is refused for good.
 */
async function interrupt(url: string, token: string, { key, turn }: Streaming): Promise<void> {
  const { socket } = await rawConnect(url, token);
  const command = { session: key.name, id: randomUUID(), name: "interrupt", args: { turn } };
  for (;;) {
    const { ok, error } = await ask(socket, "command", command);
    if (ok) break;
    if (error?.retryAfterMs === undefined && error?.code !== "unavailable")
      throw new Error(`An interrupt was refused: ${JSON.stringify(error)}`);
    await sleep(error.retryAfterMs ?? 200);
  }
  socket.close();
}
