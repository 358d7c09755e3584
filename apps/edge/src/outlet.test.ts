import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { Server as Engine, type Socket as EngineSocket } from "engine.io";
import { afterEach, expect, test, vi } from "vitest";
import { Outlet, type OutletLimits } from "./outlet.ts";

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0).toReversed()) end();
});

const PIECE = "x".repeat(10_000);
const SOON = { timeout: 20_000 };

/** An Engine.IO connection whose client has upgraded and reads only when it is told to. */
async function connectClient(
  limits: OutletLimits,
  heartbeat: { pingInterval?: number; pingTimeout?: number } = {},
): Promise<{ conn: EngineSocket; outlet: Outlet; client: Socket }> {
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
  return { conn, outlet: new Outlet(conn, limits), client };
}

async function fill(outlet: Outlet): Promise<void> {
  while (!outlet.isSlow) {
    outlet.send("s", [JSON.stringify(PIECE)]);
    await new Promise(setImmediate);
  }
}

test("open-7: what waits is counted exactly, and is nothing once the client has read", async () => {
  const { outlet, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  outlet.send("s", [JSON.stringify(PIECE)]);
  await vi.waitFor(() => expect(outlet.waiting).toBe(0), SOON);
  await fill(outlet);
  const before = outlet.waiting;
  outlet.send("s", [JSON.stringify(PIECE)]);
  expect(outlet.waiting - before).toBe(`2["frames","s",["${PIECE}"]]`.length);
  client.resume();
  await vi.waitFor(() => expect(outlet.waiting).toBe(0), SOON);
  expect(outlet.isSlow).toBe(false);
});

test("open-7: who waits for room is let through one after another, in order, and not before there is room", async () => {
  const { outlet, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(outlet);
  const passed: number[] = [];
  const waiting = [1, 2, 3].map(async (reader) => {
    await outlet.relieved({});
    expect(outlet.isSlow).toBe(false);
    passed.push(reader);
    outlet.send(
      "s",
      Array.from({ length: 12 }, () => JSON.stringify(PIECE)),
    );
    expect(outlet.isSlow).toBe(true);
  });
  await new Promise(setImmediate);
  expect(passed).toEqual([]);
  client.resume();
  await Promise.all(waiting);
  expect(passed).toEqual([1, 2, 3]);
});

test("who is let through and has nothing to send does not keep the others waiting", async () => {
  const { outlet, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(outlet);
  const waiting = [1, 2, 3].map(() => outlet.relieved({}));
  client.resume();
  await Promise.all(waiting);
  expect(outlet.isSlow).toBe(false);
});

test("open-5: who closes while it waits waits no more, and takes nobody's turn", async () => {
  const { outlet, client } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(outlet);
  const [closed, open] = [{}, {}];
  const [first, second] = [outlet.relieved(closed), outlet.relieved(open)];
  outlet.letGo(closed);
  await first;
  expect(outlet.isSlow).toBe(true);
  client.resume();
  await second;
  expect(outlet.isSlow).toBe(false);
});

test("a connection that ends lets everyone go", async () => {
  const { conn, outlet } = await connectClient({ slow: 100_000, most: 10_000_000 });
  await fill(outlet);
  const waiting = outlet.relieved({});
  conn.close(true);
  await waiting;
  await outlet.relieved({});
  expect(conn.readyState).not.toBe("open");
});

test("a client that asks and never reads its answers is cut off at a bound", async () => {
  const { conn, outlet } = await connectClient({ slow: 10_000, most: 200_000 });
  await fill(outlet);
  for (let answer = 0; answer < 1_000 && conn.readyState === "open"; answer++)
    conn.write(`43${answer}[{"ok":true}]${PIECE}`);
  expect(conn.readyState).not.toBe("open");
  expect(outlet.waiting).toBeLessThan(250_000);
  expect(conn.request.socket.destroyed).toBe(true);
});

test("open-7: who does not even answer a ping is given up with all that waits for it, in the kernel too", async () => {
  const { conn, outlet } = await connectClient(
    { slow: 100_000, most: 10_000_000 },
    { pingInterval: 200, pingTimeout: 200 },
  );
  await Promise.all([fill(outlet), once(conn, "close")]);
  expect(conn.request.socket.destroyed).toBe(true);
});

test("one frame larger than that bound is no reason to cut a client off", async () => {
  const { conn, outlet, client } = await connectClient({ slow: 10_000, most: 20_000 });
  client.resume();
  outlet.send("s", [JSON.stringify("x".repeat(10_000_000))]);
  await vi.waitFor(() => expect(outlet.waiting).toBe(0), SOON);
  expect(conn.readyState).toBe("open");
});
