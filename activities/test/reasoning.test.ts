import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createOpenAICompatibleModels } from "../src/models/openai-compatible.ts";

const DELTAS = [
  { role: "assistant", reasoning_content: "They greet me. " },
  { reasoning_content: "I greet back." },
  { content: "Hel" },
  { content: "lo" },
];

let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const chunks = DELTAS.map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] }));
    const last = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
    for (const chunk of [...chunks, last]) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    response.end("data: [DONE]\n\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  url = `http://127.0.0.1:${address.port}/v1`;
});
afterAll(() => {
  server.close();
});

test("turn-4: a model's reasoning is heard, and is no part of its answer", async () => {
  const model = createOpenAICompatibleModels({ url, continues: "none" })("reasoner");
  const prompt = { messages: [{ role: "user" as const, content: "hello" }], prefix: "", request: {} };
  const pieces: string[] = [];
  for await (const piece of model.stream(prompt, new AbortController().signal)) pieces.push(piece);
  expect(pieces).toEqual(["", "", "Hel", "lo"]);
});
