import { expect, test } from "vitest";
import { redisAddressOf } from "./redis-address.ts";

test("a single server's URL is ioredis's own", () => {
  for (const url of ["redis://h:1", "rediss://user:p%40ss@h:1/2"]) {
    expect(redisAddressOf(url)).toEqual({ kind: "single", url });
  }
});

test("Sentinel: hosts, a name, and the data nodes' credentials", () => {
  expect(redisAddressOf("redis+sentinel://a:1,b/main")).toEqual({
    kind: "sentinel",
    sentinels: [
      { host: "a", port: 1 },
      { host: "b", port: 26_379 },
    ],
    name: "main",
    credentials: {},
  });
  expect(redisAddressOf("redis+sentinel://user:p%40s%2Fs:w@[::1]:26380,10.0.0.2:1")).toEqual({
    kind: "sentinel",
    sentinels: [
      { host: "::1", port: 26_380 },
      { host: "10.0.0.2", port: 1 },
    ],
    name: "mymaster",
    credentials: { username: "user", password: "p@s/s:w" },
  });
});

test("Cluster: credentials stand once and are every node's", () => {
  expect(redisAddressOf("redis+cluster://:secret@h1:1,h2")).toEqual({
    kind: "cluster",
    nodes: [
      { host: "h1", port: 1 },
      { host: "h2", port: 6_379 },
    ],
    credentials: { password: "secret" },
  });
});

test.for([
  "http://h:1",
  "rediss://h:port",
  "redis+cluster://",
  "redis+cluster://h:port",
  "redis+cluster://h:1,",
  "redis+cluster://h:1/0/1",
  "redis+cluster://user@h:1",
  "redis+cluster://:p@ss@h:1",
  "redis+cluster://:pass@h1:1,:pass@h2:1",
  "redis+sentinel://:p/ss@h:1/main",
  "redis+sentinel://:%zz@h:1/main",
])("%s is no address", (url) => expect(redisAddressOf(url)).toBeUndefined());
