import { afterAll, beforeAll, expect, test } from "vitest";
import { answerTokens, parseScript, PLAIN, ScriptError, startModelServer, type ModelServer } from "./index.ts";

let server: ModelServer;
beforeAll(async () => {
  server = await startModelServer();
});
afterAll(() => server.stop());

function ask(body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${server.url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "scripted", stream: true, ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}
const user = (content: string) => ({ role: "user", content });

async function streamed(response: Response): Promise<{ text: string; finished: boolean; done: boolean }> {
  let [text, finished, done] = ["", false, false];
  for (const event of (await response.text()).split("\n\n")) {
    const data = event.replace(/^data: /, "");
    if (data === "[DONE]") done = true;
    else if (data !== "") {
      const chunk: { choices: { delta: { content?: string }; finish_reason: string | null }[] } = JSON.parse(data);
      text += chunk.choices[0]?.delta.content ?? "";
      finished ||= chunk.choices[0]?.finish_reason === "stop";
    }
  }
  return { text, finished, done };
}

test("the same message gets the same answer, streamed or whole", async () => {
  const expected = answerTokens("hello", PLAIN).join("");
  expect(await streamed(await ask({ messages: [user("hello")] }))).toEqual({
    text: expected,
    finished: true,
    done: true,
  });
  const whole = await (await ask({ stream: false, messages: [user("hello")] })).json();
  expect(whole).toMatchObject({ choices: [{ message: { content: expected }, finish_reason: "stop" }] });
});

test("directives in the model's name refuse the first calls, with Retry-After", async () => {
  const call = { model: "faults:429x2,retry-after=7,tokens=3", messages: [user("limited")] };
  for (let refusal = 0; refusal < 2; refusal++) {
    const response = await ask(call);
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("7");
  }
  const { text } = await streamed(await ask(call));
  expect(text).toBe(answerTokens("limited", parseScript("tokens=3")).join(""));
});

test("directives in the last user message count their calls apart from others", async () => {
  expect((await ask({ messages: [user("faults:500 one")] })).status).toBe(500);
  expect((await ask({ messages: [user("faults:500 two")] })).status).toBe(500);
  expect((await ask({ messages: [user("faults:500 one")] })).status).toBe(200);
});

test("Retry-After may be a date", async () => {
  const response = await ask({ messages: [user("faults:503,retry-after=date:60")] });
  const ahead = Date.parse(response.headers.get("retry-after") ?? "") - Date.now();
  expect(ahead).toBeGreaterThan(50_000);
});

test("continue_final_message goes on exactly after the assistant's prefix", async () => {
  const expected = answerTokens("long", PLAIN).join("");
  const prefix = expected.slice(0, 33);
  const messages = [user("long"), { role: "assistant", content: prefix }];
  const rest = await streamed(await ask({ messages, continue_final_message: true, add_generation_prompt: false }));
  expect(prefix + rest.text).toBe(expected);
  expect((await streamed(await ask({ messages }))).text).toBe(expected);
});

test("cut: the connection breaks after the tokens before it", async () => {
  const response = await ask({ messages: [user("faults:cut@2")] });
  await expect(response.text()).rejects.toThrow("terminated");
  expect(server.calls.at(-1)).toMatchObject({ outcome: "cut", tokensSent: 2 });
});

test("malformed: one chunk is not JSON and the stream goes on", async () => {
  const body = await (await ask({ messages: [user("faults:malformed@1,tokens=2")] })).text();
  const events = body.split("\n\n").filter((event) => event !== "");
  expect(events.filter((event) => event.includes('"lost'))).toHaveLength(1);
  expect(events.at(-1)).toBe("data: [DONE]");
});

test("error: an error object ends the stream", async () => {
  const body = await (await ask({ messages: [user("faults:error@1")] })).text();
  expect(body).toContain('"error":{"message":"scripted error"');
  expect(body).not.toContain("[DONE]");
});

test("nofinish and empty: a stream without a finish reason, an answer without text", async () => {
  expect(await streamed(await ask({ messages: [user("faults:nofinish")] }))).toMatchObject({
    finished: false,
    done: true,
  });
  expect(await streamed(await ask({ messages: [user("faults:empty")] }))).toEqual({
    text: "",
    finished: true,
    done: true,
  });
});

test("stall: headers and tokens, then silence until the client goes", async () => {
  const gone = new AbortController();
  const response = await ask({ messages: [user("faults:stall@1")] }, gone.signal);
  const reader = response.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain(".1 ");
  const silence = reader?.read();
  gone.abort();
  await expect(silence).rejects.toThrow(/abort/);
  expect(server.calls.at(-1)).toMatchObject({ outcome: "stalled", tokensSent: 1 });
});

test("characters may arrive in pieces, by bytes or by halves of surrogate pairs", async () => {
  const expected = answerTokens("faults:multibyte,split-bytes", parseScript("multibyte")).join("");
  expect((await streamed(await ask({ messages: [user("faults:multibyte,split-bytes")] }))).text).toBe(expected);
  const halves = await streamed(await ask({ messages: [user("faults:split-pairs")] }));
  expect(halves.text.isWellFormed()).toBe(true);
});

test("PUT /script sets the directives of calls without any; GET /calls shows the calls", async () => {
  const root = server.url.replace("/v1", "");
  const put = (script: string) => fetch(`${root}/script`, { method: "PUT", body: script });
  expect((await put("tokens=2")).status).toBe(204);
  expect((await streamed(await ask({ messages: [user("short")] }))).text.split(" ")).toHaveLength(3);
  expect((await put("tokns=2")).status).toBe(400);
  expect((await put("")).status).toBe(204);
  expect(await (await fetch(`${root}/calls`, { method: "DELETE" })).text()).toBe("");
  await streamed(await ask({ messages: [user("again")] }));
  const shown = { model: "scripted", outcome: "finished", messages: [user("again")] };
  expect(await (await fetch(`${root}/calls`)).json()).toMatchObject({ count: 1, calls: [shown] });
});

test("distinct: each call for a message is answered in other words, and what was sent is written down", async () => {
  const script = parseScript("distinct,tokens=3");
  const call = { messages: [user("faults:cut@2,distinct,tokens=3 once more")] };
  const texts = [1, 2, 3].map((ordinal) => answerTokens(call.messages[0]?.content ?? "", script, ordinal).join(""));
  expect(new Set(texts).size).toBe(3);
  await expect((await ask(call)).text()).rejects.toThrow("terminated");
  expect((await streamed(await ask(call))).text).toBe(texts[1]);
  await (await ask({ ...call, stream: false })).json();
  const sent = server.calls.slice(-3).map(({ ordinal, text, outcome }) => ({ ordinal, text, outcome }));
  expect(sent).toEqual([
    { ordinal: 1, text: texts[0]?.split(" ").slice(0, 2).join(" ").concat(" "), outcome: "cut" },
    { ordinal: 2, text: texts[1], outcome: "finished" },
    { ordinal: 3, text: texts[2], outcome: "finished" },
  ]);
});

test("an unknown directive is an error, so that a misspelt fault cannot pass", async () => {
  expect(() => parseScript("cutt@3")).toThrow(ScriptError);
  expect((await ask({ messages: [user("faults:cutt@3")] })).status).toBe(400);
});
