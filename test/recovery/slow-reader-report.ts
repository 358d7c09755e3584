import type { SlowReaderPlan, SlowReaderResult, Stretch } from "./slow-reader.ts";
import type { WatcherRecord } from "./slow-reader-watcher.ts";

/** `HOLDFAST_SLOW_SOCKET_BYTES`, as it is when nobody sets it. */
const SLOW_SOCKET_BYTES = 256 * 1024;
/** Frames that wait for one socket go in packets of this, and the frame that fills it. */
const PACKET_BYTES = 128 * 1024;
const FRAME_OVERHEAD = 2_048;

/**
 * The most that may wait for one client in the edge's process, for a session whose turns have texts of `textLength`: the
 * bound, one more packet, and the frame that ends a turn, which carries its whole text.
 */
export function boundOf(textLength: number): number {
  return SLOW_SOCKET_BYTES + PACKET_BYTES + textLength + FRAME_OVERHEAD;
}

/** Sentences; empty when every promise held. */
export function brokenPromises(plan: SlowReaderPlan, textLength: number, result: SlowReaderResult): string[] {
  const { sleepers, companions, others, turns, during, passed } = result;
  const broken = [...sleepers, ...companions, ...others].flatMap(({ wrong }) => wrong);
  const count = (records: readonly WatcherRecord[], what: "breaks" | "snapshots" | "connects"): number =>
    records.reduce((sum, record) => sum + record[what], 0);
  const require = (holds: boolean, sentence: string): void => {
    if (!holds) broken.push(sentence);
  };
  const slow = plan.sleepers;
  require(sleepers.length === slow &&
    sleepers.every(({ turn }) => turn === turns), "A reader that slept did not catch up.");
  require(count([...sleepers, ...companions, ...others], "breaks") === 0, "A frame did not follow the one before it.");
  require(passed >= 2, "Who read on did not get on.");
  require(count(companions, "snapshots") === plan.companions, "A reader that read on lost its place.");
  const most = Math.max(during.peaks.largestSocketBytes, result.after.peaks.largestSocketBytes);
  require(most <=
    boundOf(textLength), `${most} bytes waited for one client, and no more than ${boundOf(textLength)} may.`);
  const connects = plan.untilGivenUp ? 2 * slow : slow;
  require(count(sleepers, "connects") ===
    connects, `Who slept connected ${count(sleepers, "connects")} times, not ${connects}.`);
  // Each began with one.
  const again = count(sleepers, "snapshots") - slow;
  if (plan.trim) require(again === slow, `Of ${slow} who missed what the log had lost, ${again} got a snapshot.`);
  else require(again <= slow, `${slow} who slept got ${again} snapshots.`);
  return broken;
}

/** For people, on standard output. */
export function printSlowReader(plan: SlowReaderPlan, textLength: number, result: SlowReaderResult): void {
  const { before, during, after } = result;
  console.log(
    `${plan.sleepers} stopped reading for ${result.passed} of ${result.turns} turns of ${textLength} characters, and caught up in ${Math.round(result.catchUpMs)} ms.`,
  );
  console.log("From a frame's append to its reader, milliseconds:");
  console.table({
    "same session, before": lags(before.companionLags),
    "same session, while they slept": lags(during.companionLags),
    "same session, while they caught up": lags(after.companionLags),
    "other sessions, before": lags(before.otherLags),
    "other sessions, while they slept": lags(during.otherLags),
    "other sessions, while they caught up": lags(after.otherLags),
  });
  console.log("What it cost the edge (peaks; KiB):");
  console.table({ before: costs(before), "while they slept": costs(during), "while they caught up": costs(after) });
  console.log(
    [
      `In this process one client costs at most ${kibibytes(boundOf(textLength))} KiB: ${kibibytes(SLOW_SOCKET_BYTES)} (HOLDFAST_SLOW_SOCKET_BYTES), one packet of ${kibibytes(PACKET_BYTES)}, and the frame that`,
      `fills it, at most a whole turn's text (${kibibytes(textLength)} here); in UTF-16 code units, each 1 to 3 bytes. Beside it the kernel's send buffer, which`,
      `net.ipv4.tcp_wmem bounds. What was received and not read is the client's machine's (net.ipv4.tcp_rmem).`,
    ].join("\n"),
  );
}

function costs({ peaks, kernel, openFiles }: Stretch): Record<string, number | undefined> {
  return {
    RSS: kibibytes(peaks.rssBytes),
    heap: kibibytes(peaks.heapBytes),
    external: kibibytes(peaks.externalBytes),
    "waiting, all clients": kibibytes(peaks.outgoingBytes),
    "waiting, one client": kibibytes(peaks.largestSocketBytes),
    "kernel, sending": kernel && kibibytes(kernel.sending),
    "most for one": kernel && kibibytes(kernel.mostSending),
    "kernel, received": kernel && kibibytes(kernel.received),
    "loop stall ms": Math.round(peaks.loopStallMs),
    "open files": openFiles,
  };
}

function lags(values: readonly number[]): Record<string, number> {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { frames: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

function kibibytes(bytes: number): number {
  return Math.round(bytes / 1024);
}
