import { ConfigError } from "@holdfast/service/config";
import { agentNames } from "@holdfast/workflows/agents/registry";
import { expect, test } from "vitest";
import { edgeConfig } from "./config.ts";

const SECRET = { HOLDFAST_JWT_SECRET: "a secret for the tests only" };

test("with a secret alone everything else has a default", () => {
  expect(edgeConfig(SECRET)).toMatchObject({
    HOLDFAST_PORT: 4001,
    HOLDFAST_ALLOWED_ORIGINS: [],
    HOLDFAST_AGENTS: agentNames(),
    HOLDFAST_DEFAULT_AGENT: "concierge",
  });
});

test("lists are split and trimmed", () => {
  const env = {
    ...SECRET,
    HOLDFAST_ALLOWED_ORIGINS: "https://a.example, https://b.example,",
    HOLDFAST_AGENTS: "concierge,x",
  };
  const config = edgeConfig(env);
  expect(config.HOLDFAST_ALLOWED_ORIGINS).toEqual(["https://a.example", "https://b.example"]);
  expect(config.HOLDFAST_AGENTS).toEqual(["concierge", "x"]);
});

test("connect-3: origins are kept as browsers send them", () => {
  const given =
    "https://App.Example.com/,https://a.example:443,http://a.example:8080,capacitor://localhost,*,null,file://,app://.,wss://b.example:443";
  expect(edgeConfig({ ...SECRET, HOLDFAST_ALLOWED_ORIGINS: given }).HOLDFAST_ALLOWED_ORIGINS).toEqual([
    "https://app.example.com",
    "https://a.example",
    "http://a.example:8080",
    "capacitor://localhost",
    "*",
    "null",
    "file://",
    "app://.",
    "https://b.example",
  ]);
});

test.for([
  ["no way to check tokens", {}],
  ["two ways to check tokens", { ...SECRET, HOLDFAST_JWKS_URL: "https://id.example.com/keys" }],
  ["a short secret", { HOLDFAST_JWT_SECRET: "short" }],
  ["a default agent that is not offered", { ...SECRET, HOLDFAST_AGENTS: "echo" }],
  ["an agent with a name nobody could use", { ...SECRET, HOLDFAST_AGENTS: "concierge,a/b" }],
  ["an origin with a path", { ...SECRET, HOLDFAST_ALLOWED_ORIGINS: "https://a.example/app" }],
  ["an origin without a scheme", { ...SECRET, HOLDFAST_ALLOWED_ORIGINS: "a.example:443" }],
  [
    "a wildcard within an origin, which would match nothing",
    { ...SECRET, HOLDFAST_ALLOWED_ORIGINS: "https://*.a.example" },
  ],
  ["a proxy that is no address", { ...SECRET, HOLDFAST_TRUSTED_PROXIES: "proxy.internal" }],
  ["a range that is none", { ...SECRET, HOLDFAST_TRUSTED_PROXIES: "10.0.0.0/33" }],
  ["a lane no worker could serve", { ...SECRET, HOLDFAST_LANE: "a.b" }],
  ["no room for anyone", { ...SECRET, HOLDFAST_MAX_CONNECTIONS: "0" }],
] satisfies [string, NodeJS.ProcessEnv][])("refused with a sentence: %s", ([, env]) => {
  expect(() => edgeConfig(env)).toThrow(ConfigError);
});
