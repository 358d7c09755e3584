import { answerTo } from "../kit/model-calls.ts";
import { kibibytes } from "../kit/report.ts";
import { quantile, sum } from "../kit/statistics.ts";
import type { Reading } from "./chain-reader.ts";
import type { SlowReaderOptions, SlowReaderResult } from "./slow-reader.ts";

/** `HOLDFAST_SLOW_SOCKET_BYTES`, as it is when nobody sets it. */
const SLOW_SOCKET_BYTES = 256 * 1024;
/** Frames that wait for one socket go in packets of this, and the frame that fills it. */
const PACKET_BYTES = 128 * 1024;
const FRAME_OVERHEAD = 2_048;

const textLengthOf = ({ script }: SlowReaderOptions): number => answerTo("", script).length;

/**
 * The most that may wait for one client in the edge's process, for a session whose turns have texts of `textLength`: the
 * bound, one more packet, and the frame that ends a turn, which carries its whole text.
 */
const boundOf = (textLength: number): number => SLOW_SOCKET_BYTES + PACKET_BYTES + textLength + FRAME_OVERHEAD;

/** Sentences; empty when every promise held. */
export function brokenPromises(options: SlowReaderOptions, result: SlowReaderResult): string[] {
  const { slow, companions, others, turns, during, passed, after } = result;
  const count = (readings: readonly Reading[], what: "breaks" | "snapshots" | "connects"): number =>
    sum(readings, (reading) => reading[what]);
  const everyone = [...slow, ...companions, ...others];
  const all = options.readers;
  const bound = boundOf(textLengthOf(options));
  const most = Math.max(...[during, after].map(({ peaks }) => peaks?.largestSocketBytes ?? Infinity));
  const [connects, wanted] = [count(slow, "connects"), options.untilGivenUp ? 2 * all : all];
  // Each began with one.
  const again = count(slow, "snapshots") - all;
  const promises: [holds: boolean, sentence: string][] = [
    [slow.length === all && slow.every(({ turn }) => turn === turns), "A slow reader did not catch up."],
    [count(everyone, "breaks") === 0, "A frame did not follow the one before it."],
    [passed >= 2, "Who read on did not get on."],
    [count(companions, "snapshots") === options.companions, "A reader that read on lost its place."],
    [most <= bound, `${most} bytes waited for one client, and no more than ${bound} may.`],
    [connects === wanted, `Who was slow connected ${connects} times, not ${wanted}.`],
    options.trim
      ? [again === all, `Of ${all} who missed what the log had lost, ${again} got a snapshot.`]
      : [again <= all, `${all} who were slow got ${again} snapshots.`],
  ];
  const wrong = everyone.flatMap((reading) => reading.wrong);
  return [...wrong, ...promises.flatMap(([holds, sentence]) => (holds ? [] : [sentence]))];
}

/** For people, on standard output. */
export function printSlowReader(options: SlowReaderOptions, result: SlowReaderResult): void {
  const { before, during, after } = result;
  const textLength = textLengthOf(options);
  console.log(
    `${options.readers} stopped reading for ${result.passed} of ${result.turns} turns of ${textLength} characters, and caught up in ${Math.round(result.catchUpMs)} ms.`,
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

function costs({ peaks, kernel, openFiles }: SlowReaderResult["before"]): Record<string, number | undefined> {
  return {
    RSS: peaks && kibibytes(peaks.rssBytes),
    heap: peaks && kibibytes(peaks.heapBytes),
    external: peaks && kibibytes(peaks.externalBytes),
    "waiting, all clients": peaks && kibibytes(peaks.outgoingBytes),
    "waiting, one client": peaks && kibibytes(peaks.largestSocketBytes),
    "kernel, sending": kernel && kibibytes(kernel.sending),
    "most for one": kernel && kibibytes(kernel.mostSending),
    "kernel, received": kernel && kibibytes(kernel.received),
    "loop stall ms": peaks && Math.round(peaks.loopStallMs),
    "open files": openFiles,
  };
}

function lags(values: readonly number[]): Record<string, number> {
  const at = (share: number): number => quantile(values, share);
  return { frames: values.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
