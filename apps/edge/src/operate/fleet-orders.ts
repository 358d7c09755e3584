import { announcementSchema, nameSchema, wireError } from "@holdfast/contract";
import type { Logger } from "@holdfast/service/log";
import type { RedisConnection } from "@holdfast/service/redis";
import { heartbeat } from "@holdfast/session-log";
import { createShardedAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { z } from "zod";
import { closeConnection, type EdgeServer, type EdgeSocket } from "../connect/edge-socket.ts";
import type { Claims } from "../connect/tokens.ts";

/** What an operator asks of every edge. Without `subject`: for the whole tenant. */
export const orderSchema = z.discriminatedUnion("kind", [
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
export type Order = z.infer<typeof orderSchema>;

/**
 * Operators' orders to all nodes, over Socket.IO's sharded Redis adapter. Frames of sessions never go over it, since no adapter is
 * lossless. This node carries out an order itself, so that works without Redis, too.
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

  /** Returns how many connections of this node it was for. Other nodes get it as well as pub/sub can tell them. */
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

/** Rooms are known to this node only; orders go to all nodes and are sorted out there. */
export function roomsOf({ tenant, subject }: Claims): string[] {
  return [roomOf(tenant, undefined), roomOf(tenant, subject)];
}

function roomOf(tenant: string, subject: string | undefined): string {
  return subject === undefined ? `tenant/${tenant}` : `subject/${tenant}/${subject}`;
}

/**
 * `static`: two subscriptions per node, however many rooms there are. The adapter awaits neither its subscriptions nor all
 * of its publications; a rejection nobody handles would end the process, so they are made here.
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
  // In a Cluster ioredis keeps the subscriber to itself. There it only notices that a master was replaced.
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
