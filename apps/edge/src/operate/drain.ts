import { setTimeout as sleep } from "node:timers/promises";
import { wireError } from "@holdfast/contract";
import { closeConnection } from "../connect/edge-socket.ts";
import type { Attached } from "../connect/sockets.ts";

/** Milliseconds between two closes, if time allows: the other nodes have to take in the clients. */
const INTERVAL_MS = 2;
const STEPS_PER_WAIT = 8;
const POLL_MS = 20;

/**
 * Sends every connection away, one after another in random order, so that its clients do not come to the other nodes in
 * one wave. Half of `graceMs` is for this, the rest for what they sent to become durable and be acknowledged.
 */
export async function drain(attached: readonly Attached[], graceMs: number): Promise<void> {
  const spread = Math.min(graceMs / 2, attached.length * INTERVAL_MS);
  const step = attached.length === 0 ? 0 : spread / attached.length;
  const deadline = performance.now() + graceMs;
  const closing: Promise<void>[] = [];
  for (const [index, one] of shuffled(attached).entries()) {
    closing.push(release(one, deadline));
    if (index % STEPS_PER_WAIT === STEPS_PER_WAIT - 1) await sleep(step * STEPS_PER_WAIT);
  }
  await Promise.all(closing);
}

/** Waits a moment for outstanding answers: without them the client sends everything again. */
async function release({ socket, connection }: Attached, deadline: number): Promise<void> {
  connection.retire();
  while (connection.waitingEvents > 0 && socket.connected && performance.now() < deadline) await sleep(POLL_MS);
  closeConnection(socket, wireError("draining"));
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
