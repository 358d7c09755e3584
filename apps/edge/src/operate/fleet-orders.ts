import { createHash, timingSafeEqual } from "node:crypto";
import { announcementSchema, nameSchema, wireError } from "@holdfast/contract";
import type { Logger } from "@holdfast/service/log";
import type { RedisConnection } from "@holdfast/service/redis";
import { heartbeat } from "@holdfast/session-log";
import { createShardedAdapter } from "@socket.io/redis-adapter";
import express, { Router, type NextFunction, type Request, type Response } from "express";
import { Redis } from "ioredis";
import { z } from "zod";
import { closeConnection, type EdgeServer, type EdgeSocket } from "../connect/edge-socket.ts";
import type { Claims } from "../connect/tokens.ts";

/** An operator's order to all edges. Without `subject` it is for the whole tenant. */
const orderSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("announce"),
    tenant: nameSchema,
    subject: nameSchema.optional(),
    announcement: announcementSchema,
  }),
  z.strictObject({
    kind: z.literal("disconnect"),
    tenant: nameSchema,
    subject: nameSchema.optional(),
    reason: z.string().max(500).optional(),
  }),
]);
type Order = z.infer<typeof orderSchema>;

/**
 * Takes operators' orders to all nodes, over Socket.IO's sharded Redis adapter. A session's frames never go this way, since no
 * adapter is lossless. An order is carried out here first, so on this node it works without Redis as well.
 */
export class FleetOrders {
  readonly #io: EdgeServer;
  readonly #log: Logger;

  constructor(io: EdgeServer, log: Logger) {
    this.#io = io;
    this.#log = log;
    io.on("order", (raw) => {
      const order = orderSchema.safeParse(raw);
      if (order.success) this.#carryOut(order.data);
      else this.#log.warn("an order of another edge is not understood");
    });
  }

  /** Returns how many connections of this node it was for. Other nodes get it by pub/sub, which may lose it. */
  give(order: Order): number {
    this.#io.serverSideEmit("order", order);
    return this.#carryOut(order);
  }

  #carryOut(order: Order): number {
    const sockets = this.#socketsIn(roomOf(order.tenant, order.subject));
    switch (order.kind) {
      case "announce":
        for (const socket of sockets) socket.emit("announcement", order.announcement);
        break;
      case "disconnect":
        for (const socket of sockets) {
          closeConnection(socket, wireError("forbidden", order.reason ?? "An operator ended this connection."));
        }
        break;
    }
    return sockets.length;
  }

  #socketsIn(room: string): EdgeSocket[] {
    const { sockets, adapter } = this.#io.of("/");
    return [...(adapter.rooms.get(room) ?? [])].flatMap((id) => sockets.get(id) ?? []);
  }
}

/**
 * `POST /admin/announce { tenant, subject?, announcement: { text, data? } }` and `POST /admin/disconnect { tenant,
 * subject?, reason? }`, for all edges. Answers `{ connections, fleet }`: how many of this node's it was for, and whether
 * the other nodes were in reach.
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

/** Rooms are known to this node only: orders go to all nodes, and each finds its own sockets. */
export function roomsOf({ tenant, subject }: Claims): string[] {
  return [roomOf(tenant, undefined), roomOf(tenant, subject)];
}

function roomOf(tenant: string, subject: string | undefined): string {
  return subject === undefined ? `tenant/${tenant}` : `subject/${tenant}/${subject}`;
}

/**
 * `static` makes two subscriptions per node, however many rooms there are. The adapter awaits neither its subscriptions nor all
 * of its publications, and an unhandled rejection would end the process: so this makes them, and handles rejections.
 */
export function createFleetAdapter(publisher: RedisConnection, subscriber: RedisConnection, log: Logger) {
  return createShardedAdapter(
    { spublish: (channel: string, message: string | Buffer) => publisher.spublish(channel, message) },
    guardedSubscriber(subscriber, log),
    { channelPrefix: "hf:edge", subscriptionMode: "static" },
  );
}

function guardedSubscriber(subscriber: RedisConnection, log: Logger) {
  const wanted = new Set<string>();
  const attempt = (name: string, command: Promise<unknown>): void => {
    command.catch((error: unknown) => log.debug({ err: error, name }, "the fleet channel is out of reach"));
  };
  const subscribe = (channel: string): void => attempt("ssubscribe", subscriber.ssubscribe(channel));
  // A Cluster's subscribers belong to ioredis, which finds out only that a master was replaced.
  if (subscriber instanceof Redis) heartbeat(subscriber);
  subscriber.on("ready", () => {
    for (const channel of wanted) subscribe(channel);
  });
  return {
    on: (event: string, listener: (channel: Buffer, message: Buffer) => void) => subscriber.on(event, listener),
    ssubscribe: (channel: string) => {
      wanted.add(channel);
      subscribe(channel);
    },
    sunsubscribe: (channel: string) => {
      wanted.delete(channel);
      attempt("sunsubscribe", subscriber.sunsubscribe(channel));
    },
  };
}
