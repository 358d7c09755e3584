import { wireError } from "@holdfast/contract";
import { expect, test } from "vitest";
import type { TokenRequest } from "../src/token.ts";
import { codeOf, eventually, live, quickClient, startEdge, viewOf } from "./harness.ts";
import { ScriptedWorld } from "./scripted-session.ts";

test("connect-2: CONNECT carries the token, the protocol version and the client's name", async () => {
  const edge = await startEdge();
  const client = quickClient([edge], { client: "tests 1.0" });
  await client.connected();
  expect(edge.auths).toEqual([{ token: "a token", protocol: 1, client: "tests 1.0" }]);
});

test("connect-4: welcome names the node; what it carries besides is ignored (req-2)", async () => {
  const edge = await startEdge({ node: "edge-7" });
  const client = quickClient([edge]);
  const session = client.session("chat");
  const view = await viewOf(
    session,
    ({ connection }) => connection.state === "connected" && connection.node !== undefined,
  );
  expect(view.connection).toEqual({ state: "connected", url: edge.url, node: "edge-7" });
  expect(client.problems).toEqual([]);
});

test("nothing is connected before the first session is used", async () => {
  const edge = await startEdge();
  let asked = 0;
  const client = quickClient([edge], { token: () => `token ${++asked}` });
  const session = client.session("chat", { lazy: true });
  expect([client.connection.state, session.get().connection.state, asked]).toEqual(["idle", "idle", 0]);
  session.observe("seen");
  expect(asked).toBe(1);
});

test("connect-3: a refusal that is not retryable ends in `refused`, with the error, and is not repeated", async () => {
  const edge = await startEdge();
  edge.script.connect = () => wireError("forbidden", "Not today.");
  const client = quickClient([edge]);
  expect(await codeOf(client.connected())).toBe("forbidden");
  expect(client.connection).toMatchObject({
    state: "refused",
    error: { message: expect.stringContaining("Not today.") },
  });
  expect(await codeOf(client.session("chat").command("approve"))).toBe("forbidden");
  expect(edge.auths).toHaveLength(1);
});

test("connect-3: a refused token is not sent again; a new one is, once", async () => {
  const edge = await startEdge();
  edge.script.connect = ({ token }) => (token === "old" ? wireError("token_expired") : undefined);
  const requests: TokenRequest[] = [];
  const client = quickClient([edge], {
    token: (request) => {
      requests.push(request);
      return request.refused === undefined ? "old" : "new";
    },
  });
  await client.connected();
  expect(edge.auths.map((auth) => auth.token)).toEqual(["old", "new"]);
  expect(requests[1]?.refused?.code).toBe("token_expired");

  const stubborn = quickClient([edge], { token: () => "old" });
  expect(await codeOf(stubborn.connected())).toBe("token_expired");
  expect(edge.auths.map((auth) => auth.token)).toEqual(["old", "new", "old"]);
  expect(await codeOf(stubborn.connected())).toBe("token_expired");
  expect(edge.auths).toHaveLength(3);
});

test("connect-3: two different tokens refused in a row end in `refused`; start() leaves it", async () => {
  const edge = await startEdge();
  let count = 0;
  let open = false;
  edge.script.connect = () => (open ? undefined : wireError("unauthenticated"));
  const client = quickClient([edge], { token: () => `token ${++count}` });
  expect(await codeOf(client.connected())).toBe("unauthenticated");
  expect(edge.auths).toHaveLength(2);
  open = true;
  await client.connected();
  expect(client.connection.state).toBe("connected");
});

test("err-2: a retryable refusal is repeated until it is not", async () => {
  const edge = await startEdge();
  let refusals = 0;
  edge.script.connect = () => (refusals++ < 3 ? wireError("rate_limited", undefined, { retryAfterMs: 1 }) : undefined);
  const client = quickClient([edge]);
  await client.connected();
  expect(edge.auths).toHaveLength(4);
});

test("an error code of a newer edge is taken as retryable, since repeating is safe (req-3)", async () => {
  const edge = await startEdge();
  let refusals = 0;
  edge.script.connect = () =>
    refusals++ < 1 ? JSON.parse('{"code": "moon_phase", "message": "Wait for the full moon."}') : undefined;
  await quickClient([edge]).connected();
  expect(edge.auths).toHaveLength(2);
});

test("connect-6, close-1: a lost connection is made again, with a token fetched anew, at the next edge", async () => {
  const world = new ScriptedWorld();
  const [first, second] = await Promise.all([
    startEdge({ world, node: "edge-1" }),
    startEdge({ world, node: "edge-2" }),
  ]);
  let count = 0;
  const client = quickClient([first, second], { token: () => `token ${++count}` });
  const session = client.session("chat");
  await live(session);
  expect(first.connections).toBe(1);
  first.drop();
  await eventually(() => expect(second.opens).toHaveLength(1));
  await live(session);
  expect([...first.auths, ...second.auths].map((auth) => auth.token)).toEqual(["token 1", "token 2"]);
  expect(second.opens).toEqual([{ session: "chat", cursor: "0", version: 0 }]);
});

test.each([
  { lastedMs: 1e9, expected: [2, 4, 8], name: "grow while connections do not last" },
  { lastedMs: 0, expected: [2, 2, 2], name: "begin anew after a connection that lasted" },
])("connect-6: delays $name", async ({ lastedMs, expected }) => {
  const edge = await startEdge();
  const waits: number[] = [];
  const client = quickClient([edge], { random: () => 0.999, bounds: { backoffBaseMs: 2, lastedMs } });
  client.on("connection", (state) => {
    if (state.state === "waiting") waits.push(state.delayMs);
  });
  for (let round = 0; round < 3; round++) {
    await client.connected();
    edge.drop();
    await eventually(() => expect(waits).toHaveLength(round + 1));
  }
  expect(waits.map(Math.round)).toEqual(expected);
});

test("an edge that is not there is tried again, and the next one as well", async () => {
  const edge = await startEdge();
  const gone = await startEdge();
  await gone.stop();
  const client = quickClient([gone, edge]);
  await client.connected();
  expect(client.connection).toMatchObject({ state: "connected", url: edge.url });
});

test("a token function that throws, rejects or gives nothing is asked again", async () => {
  const edge = await startEdge();
  const answers = [
    () => {
      throw new Error("thrown");
    },
    () => Promise.reject(new Error("rejected")),
    () => "",
    () => "good",
  ];
  const errors: string[] = [];
  const client = quickClient([edge], { token: () => answers.shift()?.() ?? "" });
  client.on("connection", (state) => {
    if (state.state === "waiting") errors.push(state.error.code);
  });
  await client.connected();
  expect(errors).toEqual(["token_unavailable", "token_unavailable", "token_unavailable"]);
  expect(edge.auths).toMatchObject([{ token: "good" }]);
});

test("connect-5: an expiring token is renewed in band, until the edge takes the new one", async () => {
  const edge = await startEdge();
  const renewals: string[] = [];
  let refusals = 0;
  edge.script.renew = ({ token }) => {
    renewals.push(token);
    return refusals++ < 1 ? { ok: false, error: wireError("unavailable") } : { ok: true };
  };
  let count = 0;
  const client = quickClient([edge], { token: () => `token ${++count}` });
  await client.connected();
  edge.tell("expiring", { inMs: 30_000 });
  await eventually(() => expect(renewals).toEqual(["token 2", "token 3"]));
  expect(edge.auths).toHaveLength(1);
});

test("close-2: after `token_expired` the client comes back with a new token", async () => {
  const edge = await startEdge();
  let count = 0;
  const client = quickClient([edge], { token: () => `token ${++count}` });
  await client.connected();
  edge.tell("closing", { error: wireError("token_expired") });
  edge.drop();
  await eventually(() => expect(edge.auths.map((auth) => auth.token)).toEqual(["token 1", "token 2"]));
});

test("close-2: after `draining` the client comes back, after `forbidden` it does not", async () => {
  const edge = await startEdge();
  const client = quickClient([edge]);
  await client.connected();
  edge.tell("closing", { error: wireError("draining") });
  edge.drop();
  await eventually(() => expect(edge.auths).toHaveLength(2));
  await client.connected();
  edge.tell("closing", { error: wireError("forbidden") });
  edge.drop();
  await eventually(() => expect(client.connection).toMatchObject({ state: "refused", error: { code: "forbidden" } }));
});

test("a message that breaks the contract is a problem for the log and nothing else", async () => {
  const edge = await startEdge();
  const client = quickClient([edge]);
  const session = client.session("chat");
  await live(session);
  edge.tell("status", { degraded: "perhaps" });
  edge.tell("frames", "chat");
  edge.tell("unheard_of", 1);
  await eventually(() => expect(client.problems.map((error) => error.code)).toEqual(["bad_answer", "bad_answer"]));
  expect(session.get()).toMatchObject({ degraded: false, connection: { state: "connected" } });
});

test("announcements reach the application", async () => {
  const edge = await startEdge();
  const client = quickClient([edge]);
  const heard: unknown[] = [];
  client.on("announcement", (announcement) => heard.push(announcement));
  await client.connected();
  edge.tell("announcement", { text: "Back at six.", data: { at: 18 } });
  await eventually(() => expect(heard).toEqual([{ text: "Back at six.", data: { at: 18 } }]));
});

test("closing the client ends everything, whatever it was doing", async () => {
  const edge = await startEdge();
  const gone = await startEdge();
  await gone.stop();
  const clients = [
    quickClient([edge]),
    quickClient([gone]),
    quickClient([edge], { token: () => new Promise(() => undefined) }),
  ];
  await clients[0]?.connected();
  for (const client of clients) client.start();
  await Promise.all(clients.map((client) => client.close()));
  expect(clients.map((client) => client.connection.state)).toEqual(["closed", "closed", "closed"]);
  expect(await codeOf(clients[0]?.connected() ?? Promise.resolve())).toBe("closed");
  await eventually(() => expect(edge.connections).toBe(0));
});
