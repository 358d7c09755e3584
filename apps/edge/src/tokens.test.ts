import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { expect, test } from "vitest";
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

test("JWKS: keys are fetched; out of reach is `unavailable`, which must not cost the client its token", async () => {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "k", alg: "ES256" }] };
  const server = createServer((_request, response) => response.end(JSON.stringify(jwks)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const settings = { HOLDFAST_JWKS_URL: `http://127.0.0.1:${port}/keys` };
  const claims = { sub: "ada", tenant: "acme" };
  const token = await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "k" }).sign(privateKey);
  const viaKeys = createTokenVerifier(settings);
  expect(await viaKeys(token)).toMatchObject({ outcome: "valid", claims: { subject: "ada" } });
  expect(await viaKeys(await sign(claims))).toMatchObject({ error: { code: "unauthenticated" } });
  await new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  expect(await createTokenVerifier(settings)(token)).toMatchObject({ error: { code: "unavailable" } });
});
