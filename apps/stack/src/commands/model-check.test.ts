import { createServer, type RequestListener, type Server } from "node:http";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../ports.ts";
import { modelName, modelWarning } from "./model-check.ts";

const open: Server[] = [];
afterEach(() => open.splice(0).forEach((server) => server.close()));

async function serve(listener: RequestListener): Promise<string> {
  const port = await freePort();
  const server = createServer(listener);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return `http://127.0.0.1:${port}/v1`;
}

const lists =
  (...ids: string[]): RequestListener =>
  (request, response) => {
    response.statusCode = request.url === "/v1/models" ? 200 : 404;
    response.end(JSON.stringify({ object: "list", data: ids.map((id) => ({ id, object: "model" })) }));
  };
const answers =
  (status: number, body = ""): RequestListener =>
  (_request, response) => {
    response.statusCode = status;
    response.end(body);
  };

test.for([
  { what: "has the model", server: lists("gpt-5", "other"), name: "gpt-5", says: undefined },
  { what: "has it under its tag", server: lists("llama3.2:latest"), name: "llama3.2", says: undefined },
  { what: "lists none", server: lists(), name: "any", says: undefined },
  {
    what: "lacks it",
    server: lists("a", "b"),
    name: "c",
    says: 'does not list the model "c" of HOLDFAST_MODEL_NAME: it has a, b',
  },
  { what: "needs a name", server: lists("a"), name: undefined, says: "set HOLDFAST_MODEL_NAME to one of a" },
  { what: "refuses the key", server: answers(401), name: "a", says: "does not accept HOLDFAST_MODEL_KEY" },
  { what: "is at another path", server: answers(404), name: "a", says: "usually ends in /v1" },
  {
    what: "is a web page",
    server: answers(200, "<html>"),
    name: "a",
    says: "does not answer as an OpenAI-compatible server",
  },
  { what: "is broken", server: answers(502), name: "a", says: "answers 502" },
])("a model server that $what", async ({ server, name, says }) => {
  const warning = await modelWarning({ url: await serve(server), key: "sk-hush", name });
  if (says === undefined) expect(warning).toBeUndefined();
  else expect(warning).toContain(says);
  expect(warning ?? "").not.toContain("sk-hush");
});

test("no server, a server without the key it wants, and none asked for", async () => {
  const nothing = `http://127.0.0.1:${await freePort()}/v1`;
  expect(await modelWarning({ url: nothing, key: undefined, name: "a" })).toContain("does not answer (ECONNREFUSED)");
  const withPassword = await modelWarning({ url: nothing.replace("//", "//ann:hush@"), key: undefined, name: "a" });
  expect(withPassword).toContain("set HOLDFAST_MODEL_KEY");
  expect(withPassword).not.toContain("hush");
  expect(await modelWarning({ url: await serve(answers(403)), key: undefined, name: "a" })).toContain(
    "set HOLDFAST_MODEL_KEY",
  );
  expect(await modelWarning({ url: undefined, key: undefined, name: undefined })).toBeUndefined();
  expect(modelName({ url: "http://u:hush@h:1/v1/", key: "k", name: "m" })).toBe("m at http://h:1/v1");
});
