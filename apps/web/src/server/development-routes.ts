import express, { Router, type Response } from "express";
import { z } from "zod";
import { childNameSchema, killRequestSchema, Supervisor, type ControlAnswer } from "./children.ts";
import type { WebConfig } from "./config.ts";
import { developmentToken, devTokenRequestSchema } from "./development-token.ts";
import { trustedRequest } from "./trusted-request.ts";

/** `/dev/*`: only the routes the configuration allows exist at all. */
export function developmentRoutes(config: Pick<WebConfig, "devTokens" | "control" | "origins">): Router {
  const router = Router();
  const { devTokens, control } = config;
  if (devTokens === undefined) return router;
  router.use(trustedRequest(config.origins), express.json({ limit: "4kb" }), (_request, response, next) => {
    response.set("cache-control", "no-store");
    next();
  });
  router.post("/token", async (request, response) => {
    const who = accept(devTokenRequestSchema, request.body, response);
    if (who !== undefined) response.json({ token: await developmentToken(who, devTokens) });
  });
  if (control === undefined) return router;
  const supervisor = new Supervisor(control);
  router.get("/children", async (_request, response) => pass(await supervisor.children(), response));
  router.post("/children/:name/kill", async (request, response) => {
    const name = accept(childNameSchema, request.params.name, response);
    const kill = name === undefined ? undefined : accept(killRequestSchema, request.body ?? {}, response);
    if (name !== undefined && kill !== undefined) pass(await supervisor.kill(name, kill), response);
  });
  return router;
}

/** Undefined when `value` is not acceptable; the answer, 400 with the reason, is then sent. */
function accept<T>(schema: z.ZodType<T>, value: unknown, response: Response): T | undefined {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  response.status(400).json({ error: z.prettifyError(parsed.error) });
  return undefined;
}

function pass(answer: ControlAnswer, response: Response): void {
  response.status(answer.status).type("json").send(answer.body);
}
