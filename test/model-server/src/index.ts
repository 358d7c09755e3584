import express, { type Express } from "express";
import { listen } from "@holdfast/service/operations";
import { CallLog, type Call } from "./call-log.ts";
import { complete } from "./completion.ts";
import { FaultPlans } from "./fault-plan.ts";
import { chatRequestSchema, directivesOf, lastUserMessage, prefixOf } from "./request.ts";
import { type RawReplies, sendRaw } from "./raw-reply.ts";
import { parseScript, PLAIN, ScriptError, type Script } from "./script.ts";

export { answerTokens } from "./answer.ts";
export type { Call, CallOutcome } from "./call-log.ts";
export * as raw from "./raw-reply.ts";
export type { RawReplies, RawReply } from "./raw-reply.ts";
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
  const log = new CallLog();
  const plans = new FaultPlans();
  let defaults = options.script ?? "";
  const setDefault = (directives: string): void => {
    parseScript(directives);
    defaults = directives;
    plans.clear();
  };
  let replies: RawReplies | undefined;
  const setReplies = (next: RawReplies | undefined): void => void (replies = next);
  const app = modelApp(
    log,
    plans,
    () => defaults,
    setDefault,
    (call) => replies?.(call),
  );
  const host = options.host ?? "127.0.0.1";
  const server = await listen(app, host, options.port ?? 0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The model server has no TCP port.");
  const { port } = address;
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://${host}:${port}/v1`, port, calls: log.calls, setDefault, setReplies, stop };
}

function modelApp(
  log: CallLog,
  plans: FaultPlans,
  defaults: () => string,
  setDefault: (directives: string) => void,
  rawReply: RawReplies,
): Express {
  const app = express();
  app.use(express.json({ limit: "16mb" }));
  app.use(express.text());
  app.get("/healthz", (_request, response) => void response.type("text/plain").send("ok\n"));
  app.get("/readyz", (_request, response) => void response.type("text/plain").send("ready\n"));
  app.get(
    "/v1/models",
    (_request, response) => void response.json({ object: "list", data: [{ id: "scripted", object: "model" }] }),
  );
  app.get("/calls", (_request, response) => void response.json({ count: log.count, calls: log.calls }));
  app.delete("/calls", (_request, response) => {
    log.clear();
    response.status(204).end();
  });
  app.put("/script", (request, response) => {
    const script = scriptOf(String(request.body ?? ""));
    if (typeof script === "string") return void response.status(400).json({ error: { message: script } });
    setDefault(String(request.body ?? ""));
    response.status(204).end();
  });
  app.post("/v1/chat/completions", async (request, response) => {
    const parsed = chatRequestSchema.safeParse(request.body);
    if (!parsed.success)
      return void response
        .status(400)
        .json({ error: { message: parsed.error.message, type: "invalid_request_error" } });
    const call = log.begin(parsed.data, prefixOf(parsed.data));
    const raw = rawReply(call);
    if (raw !== undefined) return sendRaw(raw, call, response);
    const directives = directivesOf(parsed.data) ?? defaults();
    const script = scriptOf(directives);
    if (typeof script === "string")
      return void response.status(400).json({ error: { message: script, type: "invalid_request_error" } });
    const fault = plans.next(`${directives}\n${lastUserMessage(parsed.data)}`, script);
    await complete({ request: parsed.data, script, fault, call, response });
  });
  return app;
}

function scriptOf(directives: string): Script | string {
  try {
    return parseScript(directives, PLAIN);
  } catch (error) {
    if (error instanceof ScriptError) return error.message;
    throw error;
  }
}
