import { expect, test } from "vitest";
import { createIsProxy, createOriginCheck, type OriginRequest } from "./origins.ts";

const check = createOriginCheck(["https://app.example", "capacitor://localhost"], createIsProxy(["10.0.0.0/8", "::1"]));

function judge(origin: string | undefined, headers: Record<string, string>, remoteAddress = "192.0.2.7") {
  const request: OriginRequest = {
    headers: { ...headers, ...(origin === undefined ? {} : { origin }) },
    remoteAddress,
  };
  return check(request);
}

test.for([
  ["python-socketio", "http://127.0.0.1:4001", "127.0.0.1:4001"],
  ["python-socketio with TLS", "https://edge.example", "edge.example"],
  ["Starscream", "ws://127.0.0.1:4001", "127.0.0.1:4001"],
  ["Starscream with TLS", "wss://edge.example", "edge.example"],
  ["React Native", "https://edge.example:443", "edge.example"],
  ["SocketRocket", "http://edge.example:4001/", "edge.example:4001"],
  ["a port by default in one of both", "wss://edge.example:443", "edge.example:443"],
  ["a port by default in the other", "https://edge.example", "edge.example:443"],
  ["a proxy that ended TLS", "https://edge.example", "edge.example"],
  ["the port of HTTP", "http://edge.example:80", "edge.example"],
  ["upper case", "HTTP://Edge.Example:4001", "edge.EXAMPLE:4001"],
  ["the whole address", "ws://edge.example:4001/socket.io/?EIO=4&transport=websocket", "edge.example:4001"],
  ["IPv6", "http://[::1]:4001", "[::1]:4001"],
  ["IPv6 written at length", "http://[0:0:0:0:0:0:0:1]:4001", "[::1]:4001"],
  ["IPv6 with a zone", "ws://[fe80::1%eth0]:4001", "[fe80::1%eth0]:4001"],
  ["the root's dot", "https://edge.example.", "edge.example"],
  ["a name beyond ASCII", "https://kante.exämple", "kante.xn--exmple-cua"],
] as const)("connect-7: the edge's own host is no other site: %s", ([, origin, host]) => {
  expect(judge(origin, { host })).toBeUndefined();
});

test("connect-7: who sends no origin, or an empty one, is no page", () => {
  expect(judge(undefined, { host: "edge.example" })).toBeUndefined();
  expect(judge("", { host: "edge.example" })).toBeUndefined();
  expect(judge(undefined, {})).toBeUndefined();
});

test.for([
  "https://app.example",
  "https://app.example/",
  "HTTPS://APP.example:443",
  "wss://app.example",
  "capacitor://localhost",
])("connect-7: a configured origin is served, however it is written: %s", (origin) => {
  expect(judge(origin, { host: "edge.example:4001" })).toBeUndefined();
});

test.for([
  ["another site", "https://evil.example", "edge.example"],
  ["another port", "http://localhost:8080", "localhost:4001"],
  ["no port where there is one", "http://localhost", "localhost:4001"],
  ["a port where there is none", "https://edge.example:8443", "edge.example"],
  ["a name that begins so", "https://edge.example.evil.example", "edge.example"],
  ["a name that ends so", "https://evil-edge.example", "edge.example"],
  ["a user of that name", "http://edge.example@evil.example", "edge.example"],
  ["a user at that name", "http://evil.example@edge.example", "edge.example"],
  ["a scheme of apps at that name", "capacitor://edge.example", "edge.example"],
  ["an extension", "chrome-extension://abcdefghijklmnop", "edge.example"],
  ["an app", "app://.", "edge.example"],
  ["Ionic", "ionic://localhost", "localhost"],
  ["a file", "file://", "edge.example"],
  ["no origin of its own", "null", "edge.example"],
  ["two origins", "https://app.example, https://edge.example", "edge.example"],
  ["two origins in one", "https://app.example https://edge.example", "edge.example"],
  ["a bare name", "edge.example", "edge.example"],
  ["rubbish", "http://", "edge.example"],
  ["rubbish that is long", `https://${"x".repeat(10_000)}`, "edge.example"],
] as const)("connect-7: refused, with a sentence that says what to set: %s", ([, origin, host]) => {
  const error = judge(origin, { host });
  expect(error?.code).toBe("origin_refused");
  expect(error?.message).toContain("HOLDFAST_ALLOWED_ORIGINS");
  expect(error?.message.length).toBeLessThan(700);
});

test("connect-7: a request that names no host has none of its own", () => {
  expect(judge("http://edge.example", {})?.code).toBe("origin_refused");
  expect(judge("http://edge.example", { host: "" })?.code).toBe("origin_refused");
});

test("connect-7: what a proxy says of the host counts only from a proxy that is trusted", () => {
  const told = [
    { "x-forwarded-host": "edge.example" },
    { "x-forwarded-host": "edge.example, inner.example" },
    { forwarded: 'for=192.0.2.1;host="edge.example";proto=https' },
    { forwarded: "host=edge.example, for=10.0.0.1;host=inner" },
  ];
  for (const headers of told) {
    const at = (address: string) => judge("https://edge.example", { host: "10.0.0.9:4001", ...headers }, address);
    for (const proxy of ["10.1.2.3", "::ffff:10.1.2.3", "::1"]) expect(at(proxy)).toBeUndefined();
    expect(at("192.0.2.7")?.message).toContain("HOLDFAST_TRUSTED_PROXIES");
  }
  expect(judge("https://evil.example", { host: "x", "x-forwarded-host": "edge.example" }, "10.1.2.3")?.code).toBe(
    "origin_refused",
  );
});
