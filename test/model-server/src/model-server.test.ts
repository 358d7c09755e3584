import { afterAll, beforeAll, expect, test } from "vitest";
import {
  answerTokens,
  type ModelServer,
  parseScript,
  PLAIN,
  reasoningTokens,
  ScriptError,
  startModelServer,
} from "./index.ts";

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(() => server.stop());

const user = (content: string) => ({ role: "user", content });

/** Asks one thing, or what the messages say. */
function ask(said: string | object[], more: object = {}, signal?: AbortSignal): Promise<Response> {
  const messages = typeof said === "string" ? [user(said)] : said;
  return fetch(`${server.url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "scripted", stream: true, messages, ...more }),
    ...(signal === undefined ? {} : { signal }),
  });
}

interface Chunk {
  choices: { delta: { content?: string; reasoning_content?: string }; finish_reason: string | null }[];
}

/** `order`: the letters of what came, c for content and r for reasoning. */
async function streamed(response: Response) {
  let [text, reasoning, order, finished, done] = ["", "", "", false, false];
  for (const event of (await response.text()).split("\n\n")) {
    const data = event.replace(/^data: /, "");
    if (data === "[DONE]") done = true;
    else if (data !== "") {
      const chunk: Chunk = JSON.parse(data);
      const { content = "", reasoning_content = "" } = chunk.choices[0]?.delta ?? {};
      text += content;
      reasoning += reasoning_content;
      order += reasoning_content !== "" ? "r" : content !== "" ? "c" : "";
      finished ||= chunk.choices[0]?.finish_reason === "stop";
    }
  }
  return { text, reasoning, order, finished, done };
}

const textOf = async (response: Promise<Response>): Promise<string> => (await streamed(await response)).text;
const answerTo = (message: string, directives = "", ordinal = 1): string =>
  answerTokens(message, parseScript(directives), ordinal).join("");

test("the same message gets the same answer, streamed or whole", async () => {
  const expected = answerTokens("hello", PLAIN).join("");
  expect(await streamed(await ask("hello"))).toMatchObject({ text: expected, finished: true, done: true });
  const whole = await (await ask("hello", { stream: false })).json();
  expect(whole).toMatchObject({ choices: [{ message: { content: expected }, finish_reason: "stop" }] });
});

test("directives in the model's name refuse the first calls, with Retry-After", async () => {
  const model = "faults:429x2,retry-after=7,tokens=3";
  for (let refusal = 0; refusal < 2; refusal++) {
    const response = await ask("limited", { model });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("7");
  }
  expect(await textOf(ask("limited", { model }))).toBe(answerTo("limited", "tokens=3"));
});

test("directives in the last user message count their calls apart from others", async () => {
  const statuses = [];
  for (const which of ["one", "two", "one"]) statuses.push((await ask(`faults:500 ${which}`)).status);
  expect(statuses).toEqual([500, 500, 200]);
});

test("Retry-After may be a date", async () => {
  const response = await ask("faults:503,retry-after=date:60");
  const ahead = Date.parse(response.headers.get("retry-after") ?? "") - Date.now();
  expect(ahead).toBeGreaterThan(50_000);
});

test("continue_final_message goes on exactly after the assistant's prefix", async () => {
  const expected = answerTo("long");
  const prefix = expected.slice(0, 33);
  const messages = [user("long"), { role: "assistant", content: prefix }];
  const rest = await textOf(ask(messages, { continue_final_message: true, add_generation_prompt: false }));
  expect(prefix + rest).toBe(expected);
  expect(await textOf(ask(messages))).toBe(expected);
});

test.each([
  { directives: "reasoning=3,tokens=2", order: "rrrcc" },
  { directives: "reasoning=2@1,tokens=3", order: "crrcc" },
  { directives: "reasoning=1@9,tokens=2", order: "ccr" },
])("$directives: reasoning comes before the answer, or between its words", async ({ directives, order }) => {
  const [said, script] = [`faults:${directives}`, parseScript(directives)];
  const [text, reasoning] = [answerTo(said, directives), reasoningTokens(said, script).join("")];
  expect(await streamed(await ask(said))).toEqual({ text, reasoning, order, finished: true, done: true });
  expect(server.calls.at(-1)).toMatchObject({ text, tokensSent: order.length });
  const whole = await (await ask(said, { stream: false })).json();
  expect(whole).toMatchObject({ choices: [{ message: { content: text, reasoning_content: reasoning } }] });
});

test("an answer that is continued has no reasoning, and each one has its own under `distinct`", async () => {
  const said = "faults:reasoning=3,tokens=4,distinct";
  const messages = [user(said), { role: "assistant", content: answerTokens(said, PLAIN)[0] ?? "" }];
  const rest = await streamed(await ask(messages, { continue_final_message: true }));
  expect(rest).toMatchObject({ reasoning: "", order: "cccc" });
  const second = reasoningTokens(said, parseScript("reasoning=3,distinct"), 2).join("");
  expect((await streamed(await ask(said))).reasoning).toBe(second);
});

test("cut: the connection breaks after the tokens before it, those of reasoning among them", async () => {
  for (const directives of ["cut@2", "reasoning=1,cut@2"]) {
    await expect((await ask(`faults:${directives}`)).text()).rejects.toThrow("terminated");
    expect(server.calls.at(-1)).toMatchObject({ outcome: "cut", tokensSent: 2 });
  }
  expect(server.calls.at(-1)?.text).toBe(answerTo("faults:reasoning=1,cut@2", "tokens=1"));
});

test("malformed: one chunk is not JSON and the stream goes on", async () => {
  const body = await (await ask("faults:malformed@1,tokens=2")).text();
  const events = body.split("\n\n").filter((event) => event !== "");
  expect(events.filter((event) => event.includes('"lost'))).toHaveLength(1);
  expect(events.at(-1)).toBe("data: [DONE]");
});

test("error: an error object ends the stream", async () => {
  const body = await (await ask("faults:error@1")).text();
  expect(body).toContain('"error":{"message":"scripted error"');
  expect(body).not.toContain("[DONE]");
});

test("nofinish and empty: a stream without a finish reason, an answer without text", async () => {
  expect(await streamed(await ask("faults:nofinish"))).toMatchObject({ finished: false, done: true });
  expect(await streamed(await ask("faults:empty"))).toMatchObject({ order: "", finished: true, done: true });
});

test("stall: headers and tokens, then silence until the client goes", async () => {
  const gone = new AbortController();
  const response = await ask("faults:stall@1", {}, gone.signal);
  const reader = response.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain(".1 ");
  const silence = reader?.read();
  gone.abort();
  await expect(silence).rejects.toThrow(/abort/);
  expect(server.calls.at(-1)).toMatchObject({ outcome: "stalled", tokensSent: 1 });
});

test("characters may arrive in pieces, by bytes or by halves of surrogate pairs", async () => {
  const said = "faults:multibyte,split-bytes";
  expect(await textOf(ask(said))).toBe(answerTo(said, "multibyte"));
  expect((await textOf(ask("faults:split-pairs"))).isWellFormed()).toBe(true);
});

test("PUT /script sets the directives of calls without any; GET /calls shows the calls", async () => {
  const root = server.url.replace("/v1", "");
  const put = async (body: string) => (await fetch(`${root}/script`, { method: "PUT", body })).status;
  expect(await put("tokens=2")).toBe(204);
  expect((await textOf(ask("short"))).split(" ")).toHaveLength(3);
  expect(await put("tokns=2")).toBe(400);
  expect(await put("")).toBe(204);
  expect(await (await fetch(`${root}/calls`, { method: "DELETE" })).text()).toBe("");
  await textOf(ask("again"));
  const shown = { model: "scripted", outcome: "finished", messages: [user("again")] };
  expect(await (await fetch(`${root}/calls`)).json()).toMatchObject({ count: 1, calls: [shown] });
});

test("distinct: each call for a message is answered in other words, and what was sent is written down", async () => {
  const said = "faults:cut@2,distinct,tokens=3 once more";
  const texts = [1, 2, 3].map((ordinal) => answerTo(said, "distinct,tokens=3", ordinal));
  expect(new Set(texts).size).toBe(3);
  await expect((await ask(said)).text()).rejects.toThrow("terminated");
  expect(await textOf(ask(said))).toBe(texts[1]);
  await (await ask(said, { stream: false })).json();
  const sent = server.calls.slice(-3).map(({ ordinal, text, outcome }) => ({ ordinal, text, outcome }));
  expect(sent).toEqual([
    { ordinal: 1, text: texts[0]?.split(" ").slice(0, 2).join(" ").concat(" "), outcome: "cut" },
    { ordinal: 2, text: texts[1], outcome: "finished" },
    { ordinal: 3, text: texts[2], outcome: "finished" },
  ]);
});

test("an unknown directive is an error, so that a misspelt fault cannot pass", async () => {
  expect(() => parseScript("cutt@3")).toThrow(ScriptError);
  expect(() => parseScript("reasoning=x")).toThrow(ScriptError);
  expect((await ask("faults:cutt@3")).status).toBe(400);
});
