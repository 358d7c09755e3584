import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { createTokenVerifier } from "./tokens.ts";

const SECRET = "a secret for the tests only";
const key = new TextEncoder().encode(SECRET);
const sign = (claims: Record<string, unknown>, alg = "HS256") =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
const verify = createTokenVerifier({ HOLDFAST_JWT_SECRET: SECRET });

test("connect-2: sub, tenant, exp and shared are taken from the token", async () => {
  const exp = Math.floor(Date.now() / 1_000) + 60;
  const check = await verify(await sign({ sub: "ada", tenant: "acme", exp, shared: ["bob/plans"] }));
  expect(check).toEqual({
    outcome: "valid",
    claims: { subject: "ada", tenant: "acme", shared: new Set(["bob/plans"]), expiresAt: exp * 1_000 },
  });
});

test.for([
  ["no tenant", { sub: "ada" }],
  ["no subject", { tenant: "acme" }],
  ["a name with a separator in it (ids-1)", { sub: "ada/../bob", tenant: "acme" }],
  ["a shared claim that is no list", { sub: "ada", tenant: "acme", shared: "bob/plans" }],
])("connect-2: refused: %s", async ([, claims]) => {
  if (typeof claims !== "object") throw new Error("claims expected");
  expect(await verify(await sign(claims))).toMatchObject({ outcome: "refused", error: { code: "unauthenticated" } });
});

test.for([
  ["nbf", { nbf: Math.floor(Date.now() / 1_000) + 3_600 }],
  ["nbf", { nbf: "now" }],
  ["exp", { exp: "2099-01-01" }],
  ["exp", { exp: String(Math.floor(Date.now() / 1_000) + 60) }],
  ["shared", { shared: Array.from({ length: 1_001 }, (_, at) => `bob/${at}`) }],
  ["shared", { shared: [7] }],
  ["sub", { sub: 7 }],
  ["tenant", { tenant: ["acme"] }],
] as const)("connect-2: refused, with a word of the claim that is wrong: %s %j", async ([claim, odd]) => {
  const check = await verify(await sign({ sub: "ada", tenant: "acme", ...odd }));
  expect(check).toMatchObject({ error: { code: "unauthenticated", message: expect.stringContaining(claim) } });
});

test("connect-2: clocks may be some seconds apart", async () => {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { sub: "ada", tenant: "acme", nbf: now + 3, iat: now + 3, exp: now + 600 };
  expect(await verify(await sign(claims))).toMatchObject({ outcome: "valid" });
});

test("connect-2: refused: another key, another algorithm, no signature, no token", async () => {
  const claims = { sub: "ada", tenant: "acme" };
  const other = new TextEncoder().encode("another secret of the tests");
  const tokens = [
    await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(other),
    await sign(claims, "HS512"),
    new UnsecuredJWT(claims).encode(),
    "not a token",
  ];
  for (const token of tokens) expect(await verify(token)).toMatchObject({ error: { code: "unauthenticated" } });
});

test("connect-5: an expired token is told apart, so that the client renews it", async () => {
  const exp = Math.floor(Date.now() / 1_000) - 60;
  expect(await verify(await sign({ sub: "ada", tenant: "acme", exp }))).toMatchObject({
    error: { code: "token_expired" },
  });
});

test("issuer and audience are checked where they are configured", async () => {
  const strict = createTokenVerifier({
    HOLDFAST_JWT_SECRET: SECRET,
    HOLDFAST_JWT_ISSUER: "https://id.example.com",
    HOLDFAST_JWT_AUDIENCE: "holdfast",
  });
  const claims = { sub: "ada", tenant: "acme", iss: "https://id.example.com", aud: "holdfast" };
  expect(await strict(await sign(claims))).toMatchObject({ outcome: "valid" });
  expect(await strict(await sign({ ...claims, aud: "other" }))).toMatchObject({ error: { code: "unauthenticated" } });
});

/** An identity provider whose keys the test changes; `answer` is its whole answer. */
async function startProvider() {
  const provider = { answer: { status: 200, body: "" }, fetches: 0 };
  const server = createServer((_request, response) => {
    provider.fetches++;
    response.writeHead(provider.answer.status).end(provider.answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  onTestFinished(stop);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { provider, stop, settings: { HOLDFAST_JWKS_URL: `http://127.0.0.1:${port}/keys` } };
}

async function newKey(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const claims = { sub: "ada", tenant: "acme" };
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" },
    /** `iat`: seconds since 1970. */
    sign: (iat?: number) =>
      new SignJWT(iat === undefined ? claims : { ...claims, iat })
        .setProtectedHeader({ alg: "ES256", kid })
        .sign(privateKey),
  };
}

const keySet = (...keys: object[]) => ({ status: 200, body: JSON.stringify({ keys }) });

test("JWKS: keys are fetched; out of reach is `unavailable`, which must not cost the client its token", async () => {
  const { provider, stop, settings } = await startProvider();
  const one = await newKey("one");
  provider.answer = keySet(one.jwk);
  const viaKeys = createTokenVerifier(settings);
  expect(await viaKeys(await one.sign())).toMatchObject({ outcome: "valid", claims: { subject: "ada" } });
  const symmetric = await sign({ sub: "ada", tenant: "acme" });
  expect(await viaKeys(symmetric)).toMatchObject({ error: { code: "unauthenticated" } });
  await stop();
  expect(await createTokenVerifier(settings)(await one.sign())).toMatchObject({ error: { code: "unavailable" } });
});

test.for([
  ["an error of the provider's", { status: 503, body: "" }],
  ["too many requests", { status: 429, body: "" }],
  ["a page instead of JSON", { status: 200, body: "<html>" }],
  ["JSON without keys", { status: 200, body: '{ "error": "try again" }' }],
] satisfies [string, object][])("connect-3: a good token is not refused for good over %s", async ([, answer]) => {
  const { provider, settings } = await startProvider();
  const one = await newKey("one");
  const verifyNow = createTokenVerifier(settings);
  provider.answer = answer;
  expect(await verifyNow(await one.sign())).toMatchObject({
    error: { code: "unavailable", retryAfterMs: expect.any(Number) },
  });
  provider.answer = keySet(one.jwk);
  expect(await verifyNow(await one.sign())).toMatchObject({ outcome: "valid" });
});

test("connect-3: a key that is newer than the keys at hand is waited for; one that is no longer among them is not", async () => {
  const { provider, settings } = await startProvider();
  const [one, two] = [await newKey("one"), await newKey("two")];
  provider.answer = keySet(one.jwk);
  const viaKeys = createTokenVerifier(settings);
  const now = Math.floor(Date.now() / 1_000);
  expect(await viaKeys(await two.sign(now))).toMatchObject({ error: { code: "unauthenticated" } });
  const { fetches } = provider;
  for (const iat of [now, undefined]) {
    expect(await viaKeys(await two.sign(iat))).toMatchObject({ error: { code: "unavailable" } });
  }
  expect(await viaKeys(await two.sign(now - 60))).toMatchObject({ error: { code: "unauthenticated" } });
  expect(provider.fetches).toBe(fetches);
});
