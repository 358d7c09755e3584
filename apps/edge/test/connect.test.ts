import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { LIMITS } from "@holdfast/contract";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Edge } from "../src/edge.ts";
import { RawSocket, upgradeStatus } from "./raw-socket.ts";
import { Fixture, token } from "./fixture.ts";
import { TestClient } from "./client.ts";

let fixture: Fixture;
let edge: Edge;
const open: { leave(): void }[] = [];
beforeAll(async () => {
  fixture = await Fixture.start();
  edge = await fixture.startEdge({ HOLDFAST_ALLOWED_ORIGINS: "https://app.example" });
});
afterEach(() => {
  for (const client of open.splice(0)) client.leave();
});
afterAll(() => fixture.stop());

function connect(url: string, auth: Record<string, unknown>, headers: Record<string, string> = {}): TestClient {
  const client = new TestClient(url, auth, headers);
  open.push(client);
  return client;
}

async function refusal(auth: Record<string, unknown>, headers: Record<string, string> = {}) {
  const client = connect(edge.url, auth, headers);
  await client.until(() => client.isGone || client.welcome !== undefined);
  return client.refusal;
}

function raw(url = edge.url): RawSocket {
  const socket = new RawSocket(url);
  open.push({ leave: () => socket.close() });
  return socket;
}

async function metric(url: string, line: RegExp): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(line.exec(text)?.[1] ?? 0);
}

test("connect-1: long-polling is refused", async () => {
  const response = await fetch(`${edge.url}/socket.io/?EIO=4&transport=polling`);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: "invalid" } });
  expect(await upgradeStatus(edge.url, "/elsewhere")).toBe(404);
});

test("connect-2, connect-3: what is wrong with `auth` is told by code", async () => {
  const good = await token("ada");
  expect(await refusal({ token: "rubbish", protocol: 1 })).toMatchObject({ code: "unauthenticated" });
  expect(await refusal({ protocol: 1 })).toMatchObject({ code: "unauthenticated" });
  expect(await refusal({ token: await token("ada", { expiresIn: -60 }), protocol: 1 })).toMatchObject({
    code: "token_expired",
  });
  expect(await refusal({ token: good, protocol: 1, client: "c".repeat(101) })).toMatchObject({ code: "invalid" });
  expect(await refusal({ token: good, protocol: 1, client: "c".repeat(100) })).toBeUndefined();
});

test("version-1: a client of another protocol version is told which the edge speaks, whatever its token", async () => {
  for (const given of [await token("ada"), "rubbish", undefined]) {
    for (const protocol of [2, 0, 1.5, "1", null, undefined]) {
      const error = await refusal({ token: given, protocol });
      expect(error).toMatchObject({ code: "protocol_unsupported" });
      expect(error?.message).toContain("protocol version 1 (`auth.protocol`). Use a client");
    }
  }
});

test("req-2, version-5: a request of a later release is answered by code, within the rate; one without an ack is nothing", async () => {
  const client = await TestClient.connect(edge.url, "ada");
  open.push(client);
  client.socket.emit("rewrite", { turn: 1 });
  const ask = (...args: unknown[]): Promise<unknown> => client.socket.timeout(20_000).emitWithAck("rewrite", ...args);
  for (const args of [[{ turn: 1 }], [], [1, [2], "3"]]) {
    expect(await ask(...args)).toMatchObject({ ok: false, error: { code: "unknown_request" } });
  }
  expect(await client.open("s")).toMatchObject({ ok: true });
});

test("req-1, req-2: a request that is not one object is answered, whatever there is instead", async () => {
  const client = await TestClient.connect(edge.url, "ada");
  open.push(client);
  for (const name of ["open", "send", "command", "close", "renew"]) {
    for (const args of [[], [{ session: "s" }, "more"], [null], ["s"], [[]], [1, 2, 3]]) {
      const answer: unknown = await client.socket.timeout(20_000).emitWithAck(name, ...args);
      expect({ name, args, answer }).toMatchObject({ answer: { ok: false, error: { code: "invalid" } } });
    }
  }
  expect(await client.open("s")).toMatchObject({ ok: true });
});

test("req-2, ids-2: `close` of what is no session's name is `invalid`, of one that is not open it is nothing", async () => {
  const client = await TestClient.connect(edge.url, "ada");
  open.push(client);
  const close = (session: string): Promise<unknown> => client.socket.timeout(20_000).emitWithAck("close", { session });
  expect(await close("a/b/c")).toMatchObject({ ok: false, error: { code: "invalid" } });
  expect(await close("never-opened")).toEqual({ ok: true });
});

test("connect-1: another namespace is refused by Socket.IO, and has no error of ours", async () => {
  const socket = raw();
  await socket.opened();
  socket.send(`40/admin,${JSON.stringify({ token: await token("ada"), protocol: 1 })}`);
  expect(await socket.packet("44/admin,")).toContain("Invalid namespace");
});

test("req-2: a request whose name is a number is of an unknown name", async () => {
  const socket = raw();
  await socket.opened();
  socket.connect(await token("ada"));
  await socket.packet("40");
  socket.send("421[7,{}]");
  expect(await socket.packet("431")).toContain("unknown_request");
});

test("connect-3: a web page of another origin is refused by a code its script can read; no origin is no web page", async () => {
  const auth = { token: await token("ada"), protocol: 1 };
  expect(await refusal(auth, { origin: "https://evil.example" })).toMatchObject({ code: "origin_refused" });
  expect(await refusal(auth, { origin: "https://app.example" })).toBeUndefined();
});

test("connect-7: clients that are no browser send their server's address as their origin, and are served", async () => {
  const auth = { token: await token("ada"), protocol: 1 };
  const { host } = new URL(edge.url);
  for (const origin of [`http://${host}`, `ws://${host}`, `WS://${host}/`, `http://${host}/socket.io/?EIO=4`, ""]) {
    expect(await refusal(auth, { origin })).toBeUndefined();
  }
  for (const origin of [`http://${host}.evil.example`, "http://127.0.0.1", "file://", "null"]) {
    const error = await refusal(auth, { origin, "x-forwarded-host": origin.replace(/^.*:\/\//, "") });
    expect(error).toMatchObject({
      code: "origin_refused",
      message: expect.stringContaining("HOLDFAST_ALLOWED_ORIGINS"),
    });
  }
  const proxied = await fixture.startEdge({ HOLDFAST_TRUSTED_PROXIES: "127.0.0.0/8" });
  const headers = { origin: "https://edge.example", "x-forwarded-host": "edge.example" };
  const client = connect(proxied.url, auth, headers);
  await client.until(() => client.isGone || client.welcome !== undefined);
  expect(client.refusal).toBeUndefined();
  expect(await refusal(auth, headers)).toMatchObject({ code: "origin_refused" });
});

test("connect-4: the welcome names the protocol, the node, every limit and the token's end", async () => {
  const client = await TestClient.connect(edge.url, "ada", { expiresIn: 600 });
  open.push(client);
  expect(client.welcome).toMatchObject({ protocol: 1, node: "edge-1", limits: LIMITS });
  expect(client.welcome?.tokenExpiresInMs).toBeGreaterThan(500_000);
  const endless = await TestClient.connect(edge.url, "ada");
  open.push(endless);
  expect(endless.welcome?.tokenExpiresInMs).toBeNull();
});

test("connect-5: before its end the token's bearer is told; at its end the connection closes; renewed, it goes on", async () => {
  const expiring = await TestClient.connect(edge.url, "ada", { expiresIn: 2 });
  const renewed = await TestClient.connect(edge.url, "ada", { expiresIn: 2 });
  open.push(expiring, renewed);
  await renewed.until(() => renewed.expiringInMs !== undefined);
  expect(await renewed.ask("renew", { token: await token("bob") })).toMatchObject({ error: { code: "forbidden" } });
  expect(await renewed.ask("renew", { token: "rubbish" })).toMatchObject({ error: { code: "unauthenticated" } });
  expect(await renewed.ask("renew", { token: await token("ada") })).toEqual({ ok: true });
  await expiring.until(() => expiring.isGone);
  expect(expiring.closing).toMatchObject({ code: "token_expired" });
  expect(renewed.isGone).toBe(false);
});

test("connect-5: what only the old token opened is open no longer, and its reader comes back to be told", async () => {
  const guest = await TestClient.connect(edge.url, "bob", { shared: ["ada/plans", "ada/notes"] });
  open.push(guest);
  expect(await guest.open("ada/plans")).toMatchObject({ ok: true });
  const onlyPlans = await token("bob", { shared: ["ada/plans"] });
  expect(await guest.ask("renew", { token: onlyPlans })).toEqual({ ok: true });
  expect(await guest.open("ada/plans")).toMatchObject({ ok: true });
  expect(await guest.open("ada/notes")).toMatchObject({ error: { code: "forbidden" } });
  expect(await guest.ask("renew", { token: await token("bob") })).toEqual({ ok: true });
  await guest.until(() => guest.isGone);
  expect(guest.closing).toMatchObject({ code: "draining" });
  const again = await TestClient.connect(edge.url, "bob");
  open.push(again);
  expect(await again.open("ada/plans")).toMatchObject({ error: { code: "forbidden" } });
});

test("a connection sends one CONNECT packet: a hundred would be a hundred tokens to verify", async () => {
  const socket = raw();
  await socket.opened();
  const good = await token("ada");
  for (let packet = 0; packet < 3; packet++) socket.connect(good);
  await socket.closed;
  expect(socket.received.filter((text) => text.startsWith("40"))).toEqual([]);
});

test("an upgrade that is not followed by a CONNECT packet is ended, and so is a refused one", async () => {
  const hasty = await fixture.startEdge({ HOLDFAST_CONNECT_TIMEOUT_MS: "100" });
  const silent = raw(hasty.url);
  await silent.closed;
  const refused = raw();
  await refused.opened();
  refused.connect("rubbish");
  await refused.closed;
  expect(await refused.packet("44")).toContain("unauthenticated");
});

test("limit-5: an upgrade whose client does not even answer the close is ended all the same", async () => {
  const hasty = await fixture.startEdge({ HOLDFAST_CONNECT_TIMEOUT_MS: "100" });
  const { hostname, port } = new URL(hasty.url);
  const deaf = connectTcp(Number(port), hostname);
  open.push({ leave: () => deaf.destroy() });
  // The edge gives it up; it does not wait for an answer, as it would for half a minute after a close.
  const reset = new Promise((resolve) => deaf.once("error", resolve));
  deaf.write(
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const [answer] = await once(deaf, "data");
  expect(String(answer)).toContain("101 Switching Protocols");
  deaf.resume();
  expect(await reset).toMatchObject({ code: "ECONNRESET" });
});

test("limit-1: a packet over packetBytes ends the connection", async () => {
  const socket = raw();
  await socket.opened();
  socket.connect(await token("ada"));
  await socket.packet("40");
  socket.send(`42["open","${"x".repeat(LIMITS.packetBytes)}"]`);
  await socket.closed;
});

test("req-1, req-2: without an acknowledgement, with an unknown name or with rubbish, the connection lives", async () => {
  const client = await TestClient.connect(edge.url, "ada");
  open.push(client);
  client.socket.emit("open", { session: "s" });
  client.socket.emit("open");
  client.socket.emit("no such thing", { a: 1 });
  client.socket.emit("error", "rubbish");
  expect(await client.ask("open", "rubbish")).toMatchObject({ ok: false, error: { code: "invalid" } });
  expect(await client.ask("open", Buffer.from("rubbish"))).toMatchObject({ error: { code: "invalid" } });
  expect(await client.ask("close", { session: "s", more: 1 })).toMatchObject({ error: { code: "invalid" } });
  expect(await client.ask("renew", {})).toMatchObject({ error: { code: "invalid" } });
  expect(await client.ask("command", null)).toMatchObject({ error: { code: "invalid" } });
  expect(await client.closeSession("s")).toEqual({ ok: true });
});

test("limit-2: requests of a connection are limited, and the connection lives", async () => {
  const strict = await fixture.startEdge({ HOLDFAST_REQUESTS_PER_SECOND: "1" });
  const client = await TestClient.connect(strict.url, "ada");
  open.push(client);
  const answers = await Promise.all([1, 2, 3, 4].map(() => client.closeSession("s")));
  expect(answers.filter(({ ok }) => ok)).toHaveLength(2);
  const refused = answers.find(({ ok }) => !ok);
  expect(refused).toMatchObject({ error: { code: "rate_limited", retryAfterMs: expect.any(Number) } });
});

test("limit-3: a flood of packets that are costly to parse is read later, and others are served meanwhile", async () => {
  const strict = await fixture.startEdge({ HOLDFAST_INBOUND_BYTES_PER_SECOND: "65536" });
  const flood = raw(strict.url);
  await flood.opened();
  flood.connect(await token("mallory"));
  await flood.packet("40");
  const size = LIMITS.packetBytes - 1_000;
  const nested = { seq: 1, kind: "observe", name: "n", data: "?" };
  const send = JSON.stringify(["send", { session: "s", producer: "p", events: [nested] }]);
  const fillings = [
    "[],".repeat(size / 3) + "0",
    "0,".repeat(size / 2) + "0",
    "[".repeat(size / 2) + "]".repeat(size / 2),
    Array.from({ length: 60_000 }, (_, key) => `{"k${key}":0}`).join(","),
  ];
  const packets = 40;
  for (let id = 0; id < packets; id++) {
    flood.send(`42${id}${send.replace('"?"', () => `[${fillings[id % fillings.length]}]`)}`);
  }
  await flood.packet("43");
  const client = await TestClient.connect(strict.url, "ada");
  open.push(client);
  for (let round = 0; round < 20; round++) expect(await client.closeSession("s")).toEqual({ ok: true });
  expect(flood.received.filter((text) => text.startsWith("43")).length).toBeLessThan(packets);
  expect(flood.received.find((text) => text.startsWith("430"))).toContain("too_large");
  expect(await metric(strict.url, /holdfast_edge_slowed_total{[^}]*} (\d+)/)).toBeGreaterThan(0);
  expect(
    await metric(strict.url, /holdfast_edge_requests_refused_total{[^}]*code="too_large"[^}]*} (\d+)/),
  ).toBeGreaterThan(0);
});

test("req-2, limit-3: a client that is slowed loses nothing, and its connection lives", async () => {
  const strict = await fixture.startEdge({ HOLDFAST_INBOUND_BYTES_PER_SECOND: "65536" });
  const client = await TestClient.connect(strict.url, "ada");
  open.push(client);
  const padding = "x".repeat(50_000);
  const asked = Array.from({ length: 10 }, (_, at) => client.ask("close", { session: `s${at}`, padding }));
  for (const answer of await Promise.all(asked)) expect(answer).toMatchObject({ error: { code: "invalid" } });
  expect(await client.closeSession("s")).toEqual({ ok: true });
  expect(await metric(strict.url, /holdfast_edge_slowed_total{[^}]*} (\d+)/)).toBeGreaterThan(0);
});

test.for([
  ["an event called constructor", '421["constructor",{}]', "unknown_request"],
  ["an event called __proto__", '421["__proto__",{}]', "unknown_request"],
  ["an event called toString", '421["toString",{}]', "unknown_request"],
  ["an event with a long name", `421["${"e".repeat(100_000)}",{}]`, "unknown_request"],
  ["an id beyond all numbers", `42${"9".repeat(400)}["close",{"session":"s"}]`, '"ok":true'],
  ["a placeholder for binary data that did not come", '421["close",{"_placeholder":true,"num":0}]', "invalid"],
  ["a session that is a number", '421["close",{"session":7}]', "invalid"],
  ["a request that is a list", '421["close",[{"session":"s"}]]', "invalid"],
  [
    "many members that no request has",
    `421["close",{${Array.from({ length: 20_000 }, (_, k) => `"k${k}":0`).join(",")}}]`,
    "invalid",
  ],
] as const)(
  "req-2: what no client would send is answered in few words, and the connection lives: %s",
  async ([, packet, expected]) => {
    const socket = raw();
    await socket.opened();
    socket.connect(await token("ada"));
    await socket.packet("40");
    socket.send("43999[1]");
    socket.send(packet);
    const answer = await socket.packet("43");
    expect(answer).toContain(expected);
    expect(answer.length).toBeLessThan(1_000);
    socket.send('4277["close",{"session":"s"}]');
    expect(await socket.packet("4377")).toContain('"ok":true');
  },
);

test.for([
  ["a packet of no type", "49"],
  ["a count of binary data without any", "451000-1[]"],
  ["an event that is no list", '421{"a":1}'],
  ["half a list", '421["close",{"session":'],
  ["a reserved name", '421["disconnecting",{}]'],
  ["an error of the server's", '44{"message":"x"}'],
] as const)("req-2: what breaks the protocol ends its connection, and no other: %s", async ([, packet]) => {
  const other = await TestClient.connect(edge.url, "bob");
  const socket = raw();
  open.push(other);
  await socket.opened();
  socket.connect(await token("ada"));
  await socket.packet("40");
  socket.send(packet);
  await socket.closed;
  expect(await other.closeSession("s")).toEqual({ ok: true });
});

test("limit-2: connections of a subject are limited over all nodes", async () => {
  const env = { HOLDFAST_CONNECTS_PER_MINUTE_PER_SUBJECT: "3" };
  const nodes = await Promise.all([fixture.startEdge(env), fixture.startEdge(env)]);
  const clients: TestClient[] = [];
  for (let visit = 0; visit < 4; visit++) {
    clients.push(await TestClient.connect(nodes[visit % 2]?.url ?? "", "eager"));
  }
  open.push(...clients);
  expect(clients.map(({ refusal: refused }) => refused?.code)).toEqual([
    undefined,
    undefined,
    undefined,
    "rate_limited",
  ]);
  expect(clients[3]?.refusal?.retryAfterMs).toBeGreaterThan(0);
  const other = await TestClient.connect(nodes[0].url, "calm");
  open.push(other);
  expect(other.refusal).toBeUndefined();
});

test("a full node answers upgrades 503 and is not ready; a stampede is answered 429", async () => {
  const small = await fixture.startEdge({ HOLDFAST_MAX_CONNECTIONS: "1" });
  const client = await TestClient.connect(small.url, "ada");
  open.push(client);
  expect(await upgradeStatus(small.url)).toBe(503);
  expect((await fetch(`${small.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${small.url}/healthz`)).status).toBe(200);
  const slow = await fixture.startEdge({ HOLDFAST_UPGRADES_PER_SECOND: "1" });
  const statuses = await Promise.all(Array.from({ length: 6 }, () => upgradeStatus(slow.url)));
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(3);
  expect(statuses).toContain(101);
  expect(await metric(slow.url, /holdfast_edge_refused_total{[^}]*code="429"[^}]*} (\d+)/)).toBeGreaterThanOrEqual(3);
});

test("a node that never reached Temporal is not ready, and takes connections all the same", async () => {
  const alone = await fixture.startEdge({ HOLDFAST_TEMPORAL_ADDRESS: "127.0.0.1:1" });
  const ready = await fetch(`${alone.url}/readyz`);
  expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining("Temporal")]);
  const client = await TestClient.connect(alone.url, "ada");
  open.push(client);
  expect(client.refusal).toBeUndefined();
});

test("close-1: a client that leaves the namespace frees its connection", async () => {
  const socket = raw();
  await socket.opened();
  socket.connect(await token("ada"));
  await socket.packet("40");
  socket.send("41");
  await socket.closed;
});
