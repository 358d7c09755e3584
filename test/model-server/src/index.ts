import express from "express";
import { listen } from "@holdfast/service/operations";
import { type Call, CallLog, FaultPlans } from "./calls.ts";
import { complete } from "./completion.ts";
import { type RawReplies, sendRaw } from "./reply.ts";
import { chatRequestSchema, directivesOf, lastUserMessage } from "./request.ts";
import { parseScript, ScriptError } from "./script.ts";

export { answerTokens, reasoningTokens } from "./answer.ts";
export type { Call, CallOutcome } from "./calls.ts";
export * as raw from "./reply.ts";
export type { RawReplies, RawReply } from "./reply.ts";
export { parseScript, PLAIN, ScriptError, type Script } from "./script.ts";

export interface ModelServer {
  /** Base URL of the OpenAI-compatible API, `…/v1`. */
  url: string;
  port: number;
  /** The newest calls, oldest first. */
  calls: Call[];
  /** Directives for calls that carry none of their own (see `parseScript`). Begins every plan of faults anew. */
  setDefault(directives: string): void;
  /** Answers calls by raw replies from here on; undefined: by their scripts again. */
  setReplies(replies: RawReplies | undefined): void;
  /** Ends open connections too. */
  stop(): Promise<void>;
}

/** Starts an OpenAI-compatible model server on loopback whose answers are known beforehand and whose faults are scripted. */
export async function startModelServer(
  options: { port?: number; host?: string; script?: string } = {},
): Promise<ModelServer> {
  const { host = "127.0.0.1" } = options;
  const log = new CallLog();
  const plans = new FaultPlans();
  let defaults = options.script ?? "";
  let replies: RawReplies | undefined;
  const setDefault = (directives: string): void => {
    parseScript(directives);
    defaults = directives;
    plans.clear();
  };

  const app = express();
  app.use(express.json({ limit: "16mb" }));
  app.use(express.text());
  app.get("/healthz", (_request, response) => void response.type("text/plain").send("ok\n"));
  app.get("/readyz", (_request, response) => void response.type("text/plain").send("ready\n"));
  const models = { object: "list", data: [{ id: "scripted", object: "model" }] };
  app.get("/v1/models", (_request, response) => void response.json(models));
  app.get("/calls", (_request, response) => void response.json({ count: log.count, calls: log.calls }));
  app.delete("/calls", (_request, response) => {
    log.clear();
    response.status(204).end();
  });
  app.put("/script", (request, response) => {
    setDefault(String(request.body ?? ""));
    response.status(204).end();
  });
  app.post("/v1/chat/completions", async (request, response) => {
    const parsed = chatRequestSchema.safeParse(request.body);
    if (!parsed.success) throw new ScriptError(parsed.error.message);
    const call = log.begin(parsed.data);
    const raw = replies?.(call);
    if (raw !== undefined) return sendRaw(raw, call, response);
    const directives = directivesOf(parsed.data) ?? defaults;
    const script = parseScript(directives);
    const fault = plans.next(`${directives}\n${lastUserMessage(parsed.data)}`, script);
    await complete({ request: parsed.data, script, fault, call }, response);
  });
  app.use((error: unknown, _request: express.Request, response: express.Response, next: express.NextFunction) => {
    if (!(error instanceof ScriptError)) return next(error);
    response.status(400).json({ error: { message: error.message, type: "invalid_request_error" } });
  });

  const server = await listen(app, host, options.port ?? 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The model server has no TCP port.");
  return {
    url: `http://${host}:${address.port}/v1`,
    port: address.port,
    calls: log.calls,
    setDefault,
    setReplies: (next) => void (replies = next),
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
