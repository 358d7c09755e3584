import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Edge } from "../src/edge.ts";
import { upgradeStatus } from "./raw-socket.ts";
import { OPERATOR_TOKEN, Fixture } from "./fixture.ts";
import { input, TestClient } from "./client.ts";

let fixture: Fixture;
let edges: readonly [Edge, Edge];
const open: TestClient[] = [];
beforeAll(async () => {
  fixture = await Fixture.start();
  edges = await Promise.all([fixture.startEdge(), fixture.startEdge()]);
});
afterEach(() => {
  for (const client of open.splice(0)) client.leave();
});
afterAll(() => fixture.stop());

async function connect(edge: Edge, subject: string, tenant = "acme"): Promise<TestClient> {
  const client = await TestClient.connect(edge.url, subject, { tenant });
  open.push(client);
  return client;
}

async function order(edge: Edge, kind: string, body: unknown, bearer = OPERATOR_TOKEN) {
  const response = await fetch(`${edge.url}/admin/${kind}`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const answer: unknown = await response.json();
  return { status: response.status, answer };
}

/** An order may be lost while a node has not yet subscribed; an operator gives it again. */
async function orderUntil(edge: Edge, kind: string, body: unknown, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    expect((await order(edge, kind, body)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("an announcement reaches its tenant on every node, and no other", async () => {
  const [here, there, other] = await Promise.all([
    connect(edges[0], "ada"),
    connect(edges[1], "bob"),
    connect(edges[1], "eve", "rival"),
  ]);
  const body = { tenant: "acme", announcement: { text: "Back at noon.", data: { until: 12 } } };
  await orderUntil(edges[0], "announce", body, () => there.announcements.length > 0);
  expect(here.announcements[0]).toEqual({ text: "Back at noon.", data: { until: 12 } });
  expect(there.announcements[0]).toEqual({ text: "Back at noon.", data: { until: 12 } });
  await orderUntil(edges[0], "announce", { ...body, tenant: "rival" }, () => other.announcements.length > 0);
  expect(other.announcements).toHaveLength(1);
});

test("close-1, close-2: an operator ends a subject's connections on every node, and its clients may come back", async () => {
  const [ada, bob] = await Promise.all([connect(edges[1], "ada"), connect(edges[1], "bob")]);
  await orderUntil(edges[0], "disconnect", { tenant: "acme", subject: "ada" }, () => ada.isGone);
  expect(ada.closing).toMatchObject({ code: "forbidden" });
  expect(bob.isGone).toBe(false);
  // Socket.IO's `disconnect` would have made this false for good.
  expect(ada.socket.active).toBe(true);
});

test("orders need the operator's token and must be understood", async () => {
  const body = { tenant: "acme", announcement: { text: "x" } };
  expect(await order(edges[0], "announce", body, "guess")).toMatchObject({ status: 401 });
  expect(await order(edges[0], "announce", { tenant: "a/b" })).toMatchObject({ status: 400 });
  expect(await order(edges[0], "disconnect", { ...body, tenant: 1 })).toMatchObject({ status: 400 });
  expect(await order(edges[0], "announce", "not json")).toMatchObject({
    status: 400,
    answer: { error: { code: "invalid" } },
  });
});

test("without Redis an order is carried out where it was given, says so, and no node dies of it", async () => {
  const [here, there] = await Promise.all([connect(edges[0], "ada"), connect(edges[1], "ada")]);
  fixture.valkey.kill("SIGKILL");
  await here.until(() => here.statuses.at(-1) === true);
  const body = { tenant: "acme", announcement: { text: "x" } };
  expect(await order(edges[0], "announce", body)).toEqual({ status: 200, answer: { connections: 1, fleet: false } });
  await here.until(() => here.announcements.length === 1);
  const late = await connect(edges[1], "late");
  expect(late.welcome).toBeDefined();
  await fixture.restartValkey();
  await Promise.all([here, there].map((one) => one.until(() => one.statuses.at(-1) === false)));
  await orderUntil(edges[0], "announce", body, () => there.announcements.length > 0);
});

// Last: it stops a node.
test("drain: not ready, 503, clients are told and closed after their sends are answered, and may come back", async () => {
  const edge = await fixture.startEdge({ HOLDFAST_SHUTDOWN_GRACE_SECONDS: "60" });
  const clients = await Promise.all(Array.from({ length: 20 }, (_, index) => connect(edge, `user-${index}`)));
  await Promise.all(clients.map((client) => client.open("s")));
  // While Temporal hangs nothing is answered, and so nobody is closed.
  fixture.temporal.kill("SIGSTOP");
  const acks = clients.map((client) => client.send("s", [input(1)]));
  // A request is read before the ones that follow it on the same connection.
  await Promise.all(clients.map((client) => client.closeSession("other")));
  const stopped = edge.stop("SIGTERM");
  const statuses = [await upgradeStatus(edge.url), (await fetch(`${edge.url}/readyz`)).status];
  expect(clients.some(({ isGone }) => isGone)).toBe(false);
  fixture.temporal.kill("SIGCONT");
  await stopped;
  expect(await Promise.all(acks)).toEqual(clients.map(() => ({ ok: true, durable: 1 })));
  for (const client of clients) {
    await client.until(() => client.isGone);
    expect(client.closing).toMatchObject({ code: "draining" });
    expect(client.socket.active).toBe(true);
  }
  expect(statuses).toEqual([503, 503]);
  await expect(fetch(`${edge.url}/healthz`)).rejects.toThrow("fetch failed");
});
