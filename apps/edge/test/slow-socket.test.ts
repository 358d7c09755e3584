import { expect, test } from "vitest";
import { useReading } from "./reading-fixture.ts";
import type { TestClient } from "./client.ts";

/** Small, so that little text makes a socket slow. */
const SLOW_BYTES = 65_536;

const use = useReading({ HOLDFAST_SLOW_SOCKET_BYTES: `${SLOW_BYTES}` });

test("open-7: a socket that does not read is paused at a bound, holds nobody up, and is caught up when it reads", async () => {
  const key = use.newKey();
  const writer = use.writer(key);
  const [slow, quick] = [await use.connect(key), await use.connect(key)];
  await Promise.all([slow.open("s"), quick.open("s")]);
  await Promise.all([slow, quick].map((client) => client.until(() => client.of("s").last !== undefined)));
  const transport = underlying(slow);
  transport.pause();
  const text = "x".repeat(4_000);
  const say = async (turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) {
      await writer.begin();
      await Promise.all(Array.from({ length: 20 }, () => writer.say(text)));
      await writer.end();
    }
  };
  // Until the kernel's buffers are full, and then megabytes more.
  while ((await use.metric("holdfast_edge_paused_readers")) === 0) await say(5);
  await say(30);
  const isWhole = (client: TestClient) => client.of("s").view.version === writer.snapshot.version;
  await quick.until(() => isWhole(quick));
  expect(quick.of("s").breaks).toBe(0);
  expect(isWhole(slow)).toBe(false);
  // One socket's share of this process: its bound, one packet, and that packet's last frame.
  expect(await use.metric("holdfast_edge_outgoing_bytes")).toBeLessThan(SLOW_BYTES + 128 * 1024 + 100_000);
  transport.resume();
  await slow.until(() => isWhole(slow));
  expect(slow.of("s").view).toEqual(writer.snapshot);
  expect(slow.of("s").breaks).toBe(0);
});

test("open-5: a session closed while its socket does not read is not kept for it", async () => {
  const key = use.newKey();
  const writer = use.writer(key);
  const slow = await use.connect(key);
  await slow.open("s");
  const transport = underlying(slow);
  transport.pause();
  while ((await use.metric("holdfast_edge_paused_readers")) === 0) await writer.turn("x".repeat(50_000));
  const closed = slow.closeSession("s");
  await expect.poll(() => use.metric("holdfast_edge_paused_readers"), { timeout: 60_000 }).toBe(0);
  transport.resume();
  expect(await closed).toEqual({ ok: true });
});

/** The TCP socket under a client, to stop it from reading. */
function underlying(client: TestClient): { pause(): void; resume(): void } {
  const transport: unknown = client.socket.io.engine.transport;
  if (typeof transport === "object" && transport !== null && "ws" in transport) {
    const ws: unknown = transport.ws;
    if (typeof ws === "object" && ws !== null && "_socket" in ws) {
      const socket: unknown = ws._socket;
      if (isPausable(socket)) return socket;
    }
  }
  throw new Error("The client's transport is not what this test expects.");
}

function isPausable(value: unknown): value is { pause(): void; resume(): void } {
  return typeof value === "object" && value !== null && "pause" in value && "resume" in value;
}
