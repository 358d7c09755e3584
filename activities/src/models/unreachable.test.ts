import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { freePort } from "@holdfast/stack/ports";
import { afterEach, expect, test } from "vitest";
import { ModelError } from "./model-error.ts";
import { createOpenAICompatibleModels } from "./openai-compatible.ts";

const servers: (() => void)[] = [];
afterEach(() => {
  for (const close of servers.splice(0)) close();
});

/** A TCP server that does with a connection what `onConnection` does. Returns its port. */
async function listening(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer(onConnection).listen(0, "127.0.0.1");
  servers.push(() => server.close());
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return address.port;
}

/** What a model at this address fails with. */
async function failureAt(url: string): Promise<ModelError> {
  const model = createOpenAICompatibleModels({ url, continues: "none", contextTokens: 8_192 })("any");
  const prompt = { messages: [{ role: "user" as const, content: "hi" }], prefix: "", request: {} };
  try {
    await model.stream(prompt, AbortSignal.timeout(20_000)).next();
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
  throw new Error("The model answered.");
}

const URLS: Record<string, () => Promise<string>> = {
  "nobody listens at": async () => `http://127.0.0.1:${await freePort()}/v1`,
  "whose name nobody knows": async () => "http://no-such-model-server.invalid/v1",
  "that speaks no TLS": async () =>
    `https://127.0.0.1:${await listening((socket) => socket.end("HTTP/1.1 400 no\r\n\r\n"))}/v1`,
  "that hangs up before it answers": async () => `http://127.0.0.1:${await listening((socket) => socket.destroy())}/v1`,
  "that speaks no HTTP": async () => `http://127.0.0.1:${await listening((socket) => socket.end("+PONG\r\n"))}/v1`,
  "of a port that no client may ask": async () => "http://127.0.0.1:6000/v1",
};
for (const [which, url] of Object.entries(URLS)) {
  test(`a model server ${which} is unreachable, and the operator is told why and which setting says where it is`, async () => {
    const { failure, message } = await failureAt(await url());
    expect(failure).toBe("unreachable");
    expect(message).toMatch(/HOLDFAST_MODEL_URL.*: .*\w{3}/);
  });
}
