import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { Server as Engine, type Socket as EngineSocket } from "engine.io";
import { afterEach, expect, test, vi } from "vitest";
import { FramesPacket, type Packet } from "./packet.ts";
import { SocketWriter, type SocketWriterLimits } from "./socket-writer.ts";

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0).toReversed()) end();
});

const PIECE = "x".repeat(10_000);
const SOON = { timeout: 20_000 };

function packetOf(...texts: string[]): Packet {
  return new FramesPacket(
    texts.map((text) => ({ type: "foreign", id: "1", prev: "0", json: JSON.stringify(text) })),
  ).under("s");
}

/** An Engine.IO connection whose client has upgraded and reads only when it is told to. */
async function connectClient(
  limits: SocketWriterLimits,
  heartbeat: { pingInterval?: number; pingTimeout?: number } = {},
): Promise<{ conn: EngineSocket; writer: SocketWriter; client: Socket }> {
  const server = createServer();
  const engine = new Engine({ transports: ["websocket"], ...heartbeat });
  engine.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const connected = once(engine, "connection");
  const client = connect(port, "127.0.0.1");
  endings.push(
    () => server.close(),
    () => client.destroy(),
  );
  client.write(
    [
      "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1",
      "Host: 127.0.0.1",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "\r\n",
    ].join("\r\n"),
  );
  client.pause();
  const [conn]: EngineSocket[] = await connected;
  if (conn === undefined) throw new Error("No connection.");
  return { conn, writer: new SocketWriter(conn, limits), client };
}

async function fill(writer: SocketWriter): Promise<void> {
  while (!writer.isSlow) {
    writer.write(packetOf(PIECE));
    await new Promise(setImmediate);
  }
}

test("open-7: what waits is counted exactly, and is nothing once the client has read", async () => {
  const { writer, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  writer.write(packetOf(PIECE));
  await vi.waitFor(() => expect(writer.waiting).toBe(0), SOON);
  await fill(writer);
  const before = writer.waiting;
  writer.write(packetOf(PIECE));
  expect(writer.waiting - before).toBe(`2["frames","s",["${PIECE}"]]`.length);
  client.resume();
  await vi.waitFor(() => expect(writer.waiting).toBe(0), SOON);
  expect(writer.isSlow).toBe(false);
});

test("open-7: who waits for room is let through one after another, in order, and not before there is room", async () => {
  const { writer, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(writer);
  const passed: number[] = [];
  const waiting = [1, 2, 3].map(async (reader) => {
    await writer.relieved({});
    expect(writer.isSlow).toBe(false);
    passed.push(reader);
    writer.write(packetOf(...Array.from({ length: 12 }, () => PIECE)));
    expect(writer.isSlow).toBe(true);
  });
  await new Promise(setImmediate);
  expect(passed).toEqual([]);
  client.resume();
  await Promise.all(waiting);
  expect(passed).toEqual([1, 2, 3]);
});

test("who is let through and has nothing to send does not keep the others waiting", async () => {
  const { writer, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(writer);
  const waiting = [1, 2, 3].map(() => writer.relieved({}));
  client.resume();
  await Promise.all(waiting);
  expect(writer.isSlow).toBe(false);
});

test("open-5: who closes while it waits waits no more, and takes nobody's turn", async () => {
  const { writer, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(writer);
  const [closed, open] = [{}, {}];
  const [first, second] = [writer.relieved(closed), writer.relieved(open)];
  writer.letGo(closed);
  await first;
  expect(writer.isSlow).toBe(true);
  client.resume();
  await second;
  expect(writer.isSlow).toBe(false);
});

test("a connection that ends lets everyone go", async () => {
  const { conn, writer } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(writer);
  const waiting = writer.relieved({});
  conn.close(true);
  await waiting;
  await writer.relieved({});
  expect(conn.readyState).not.toBe("open");
});

test("a client that asks and never reads its answers is cut off at a bound", async () => {
  const { conn, writer } = await connectClient({ slow: 10_000, most: 200_000 });
  await fill(writer);
  for (let answer = 0; answer < 1_000 && conn.readyState === "open"; answer++)
    conn.write(`43${answer}[{"ok":true}]${PIECE}`);
  expect(conn.readyState).not.toBe("open");
  expect(writer.waiting).toBeLessThan(250_000);
  expect(conn.request.socket.destroyed).toBe(true);
});

test("open-7: who does not even answer a ping is given up with all that waits for it, in the kernel too", async () => {
  const { conn, writer } = await connectClient(
    { slow: 100_000, most: 10_000_000 },
    { pingInterval: 200, pingTimeout: 200 },
  );
  await Promise.all([fill(writer), once(conn, "close")]);
  expect(conn.request.socket.destroyed).toBe(true);
});

test("one frame larger than that bound is no reason to cut a client off", async () => {
  const { conn, writer, client } = await connectClient({ slow: 10_000, most: 20_000 });
  client.resume();
  writer.write(packetOf("x".repeat(10_000_000)));
  await vi.waitFor(() => expect(writer.waiting).toBe(0), SOON);
  expect(conn.readyState).toBe("open");
});
