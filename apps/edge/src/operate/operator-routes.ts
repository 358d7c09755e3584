import { createHash, timingSafeEqual } from "node:crypto";
import { wireError } from "@holdfast/contract";
import express, { Router, type NextFunction, type Request, type Response } from "express";
import { orderSchema, type FleetOrders, type Order } from "./fleet-orders.ts";

/**
 * `POST /admin/announce { tenant, subject?, announcement: { text, data? } }` and `POST /admin/disconnect { tenant,
 * subject?, reason? }`, for all edges. Answers `{ connections, fleet }`: how many connections of this node it was for, and
 * whether the other nodes were in reach.
 */
export function operatorRoutes(token: string, orders: FleetOrders, isFleetInReach: () => boolean): Router {
  const router = Router();
  router.use(bearerOnly(token), express.json({ limit: "64kb" }));
  for (const kind of ["announce", "disconnect"] satisfies Order["kind"][]) {
    router.post(`/${kind}`, (request, response) => {
      const body: unknown = request.body;
      const order = orderSchema.safeParse(typeof body === "object" ? { ...body, kind } : body);
      if (!order.success) {
        const issue = order.error.issues[0];
        const error = wireError("invalid", `${issue?.path.join(".")}: ${issue?.message}.`);
        response.status(400).json({ error });
        return;
      }
      const fleet = isFleetInReach();
      response.json({ connections: orders.give(order.data), fleet });
    });
  }
  router.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    response.status(400).json({ error: wireError("invalid", "The body is not JSON.") });
  });
  return router;
}

function bearerOnly(token: string) {
  const wanted = digest(`Bearer ${token}`);
  return (request: Request, response: Response, next: NextFunction): void => {
    // Digests, since a comparison in constant time needs equal lengths.
    if (timingSafeEqual(digest(request.headers.authorization ?? ""), wanted)) return next();
    const error = wireError("unauthenticated", "Send the operator's token.");
    response.status(401).set("WWW-Authenticate", "Bearer").json({ error });
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
