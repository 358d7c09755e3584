import { timingSafeEqual } from "node:crypto";
import type { Server } from "node:http";
import { listen } from "@holdfast/service/operations";
import express, { type RequestHandler } from "express";
import { z } from "zod";
import type { Supervisor } from "./supervisor.ts";

const killRequestSchema = z.strictObject({
  signal: z.enum(["SIGKILL", "SIGTERM", "SIGSTOP", "SIGCONT"]).default("SIGKILL"),
});

/**
 * Lets the web app's "break it" drawer see and kill the stack's children: `GET /children`, and
 * `POST /children/:name/kill { signal }`. Loopback only, and only for who has the token.
 */
export async function serveControlApi(supervisor: Supervisor, port: number, token: string): Promise<Server> {
  const app = express();
  app.disable("x-powered-by");
  app.use(bearer(token), express.json({ limit: "4kb" }));
  app.get("/children", (_request, response) => {
    response.json(supervisor.children());
  });
  app.post("/children/:name/kill", (request, response) => {
    const kill = killRequestSchema.safeParse(request.body ?? {});
    const { name } = request.params;
    if (!kill.success) return void response.status(400).json({ error: z.prettifyError(kill.error) });
    if (!supervisor.has(name)) return void response.status(404).json({ error: `There is no child named ${name}.` });
    const sent = supervisor.child(name).kill(kill.data.signal);
    if (sent) response.json({ name, signal: kill.data.signal });
    else response.status(409).json({ error: `${name} is not running at the moment; it is being started again.` });
  });
  return listen(app, "127.0.0.1", port);
}

function bearer(token: string): RequestHandler {
  const expected = Buffer.from(`Bearer ${token}`);
  return (request, response, next) => {
    const given = Buffer.from(request.headers.authorization ?? "");
    if (given.length === expected.length && timingSafeEqual(given, expected)) return next();
    response.status(401).json({ error: "The control API wants the stack's control token." });
  };
}
