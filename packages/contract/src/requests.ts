import { z } from "zod";
import { eventSchema, nameSchema, seqSchema } from "./events.ts";
import { wireErrorSchema } from "./errors.ts";
import { cursorSchema, frameSchema } from "./frames.ts";
import { jsonObjectSchema, jsonSchema } from "./json.ts";
import { LIMITS } from "./limits.ts";
import { turnSchema } from "./turn.ts";

/** The version of SPEC.md this package speaks. What may change without another one: SPEC version-2. */
export const PROTOCOL_VERSION = 1;

const sessionRefSchema = z
  .string()
  .min(1)
  .max(2 * LIMITS.nameLength + 1);

/** Socket.IO `auth` of the CONNECT packet (SPEC connect-2, version-1). */
export const authSchema = z.object({
  token: z
    .string()
    .min(1)
    .max(16 * 1024),
  protocol: z.literal(PROTOCOL_VERSION),
  client: z.string().max(100).optional(),
});

/** SPEC trace-1: W3C Trace Context. */
const traceparentSchema = z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

/** SPEC open-1. `cursor` and `version`: what the reader holds, if anything. */
export const openRequestSchema = z.strictObject({
  session: sessionRefSchema,
  agent: nameSchema.optional(),
  cursor: cursorSchema.optional(),
  version: z.number().int().min(0).optional(),
});

/** SPEC send-1. `after`: seq of this producer's event before the first of these (default: first seq − 1). */
export const sendRequestSchema = z.strictObject({
  session: sessionRefSchema,
  producer: nameSchema,
  after: z.number().int().min(0).optional(),
  events: z
    .array(eventSchema)
    .min(1)
    .max(LIMITS.eventsPerSend)
    .refine((events) => events.every((e, i) => i === 0 || e.seq > (events[i - 1]?.seq ?? 0)), "seq must ascend"),
  traceparent: traceparentSchema.optional(),
});

/** SPEC command-1. `id` makes a repeat harmless. */
export const commandRequestSchema = z.strictObject({
  session: sessionRefSchema,
  id: nameSchema,
  name: nameSchema,
  args: jsonObjectSchema.optional(),
  traceparent: traceparentSchema.optional(),
});

/** SPEC history-1: turns before the turn `before`, the newest `limit` of them. */
export const historyRequestSchema = z.strictObject({
  session: sessionRefSchema,
  before: z.number().int().min(1),
  limit: z.number().int().min(1).max(LIMITS.historyTurns).optional(),
});

export const closeRequestSchema = z.strictObject({ session: sessionRefSchema });
export const renewRequestSchema = z.strictObject({
  token: z
    .string()
    .min(1)
    .max(16 * 1024),
});

export type Auth = z.infer<typeof authSchema>;
export type OpenRequest = z.infer<typeof openRequestSchema>;
export type SendRequest = z.infer<typeof sendRequestSchema>;
export type CommandRequest = z.infer<typeof commandRequestSchema>;
export type HistoryRequest = z.infer<typeof historyRequestSchema>;
export type CloseRequest = z.infer<typeof closeRequestSchema>;
export type RenewRequest = z.infer<typeof renewRequestSchema>;

const failed = z.object({ ok: z.literal(false), error: wireErrorSchema });
/** SPEC open-2. `resumed`: true when frames go on from the request's cursor, false when a snapshot comes first. */
export const openAckSchema = z.union([z.object({ ok: z.literal(true), resumed: z.boolean() }), failed]);
/** SPEC ack-1. `durable`: seq of the last event of the request; Temporal has persisted it. */
export const sendAckSchema = z.union([z.object({ ok: z.literal(true), durable: seqSchema }), failed]);
export const commandAckSchema = z.union([z.object({ ok: z.literal(true), result: jsonSchema }), failed]);
/** SPEC history-2. `more`: the session still has older ones. */
export const historyAckSchema = z.union([
  z.object({ ok: z.literal(true), turns: z.array(turnSchema), more: z.boolean() }),
  failed,
]);
export const plainAckSchema = z.union([z.object({ ok: z.literal(true) }), failed]);
export type OpenAck = z.infer<typeof openAckSchema>;
export type SendAck = z.infer<typeof sendAckSchema>;
export type CommandAck = z.infer<typeof commandAckSchema>;
export type HistoryAck = z.infer<typeof historyAckSchema>;
export type PlainAck = z.infer<typeof plainAckSchema>;

/**
 * SPEC connect-4: first message after CONNECT. `subject`: whose connection it is, as its token says. `tokenExpiresInMs`: null
 * for a token without expiry.
 */
export const welcomeSchema = z.object({
  protocol: z.number().int(),
  subject: nameSchema,
  node: z.string(),
  limits: z.record(z.string(), z.number()),
  tokenExpiresInMs: z.number().nullable(),
});
export type Welcome = z.infer<typeof welcomeSchema>;

/** SPEC open-6: whether frames flow. `degraded`: the log is out of reach; what is sent is still made durable. */
export const statusSchema = z.object({ degraded: z.boolean() });
/** SPEC close-2: the edge is about to end this connection. */
export const closingSchema = z.object({ error: wireErrorSchema });
export const announcementSchema = z.object({ text: z.string(), data: jsonSchema.optional() });
export const framesSchema = z.tuple([z.string(), z.array(frameSchema)]);
export type Status = z.infer<typeof statusSchema>;
export type Closing = z.infer<typeof closingSchema>;
export type Announcement = z.infer<typeof announcementSchema>;

type Ack<T> = (ack: T) => void;
/** Socket.IO's typed events, client to server. */
export interface ClientToServerEvents {
  open: (request: OpenRequest, ack: Ack<OpenAck>) => void;
  send: (request: SendRequest, ack: Ack<SendAck>) => void;
  command: (request: CommandRequest, ack: Ack<CommandAck>) => void;
  history: (request: HistoryRequest, ack: Ack<HistoryAck>) => void;
  close: (request: CloseRequest, ack: Ack<PlainAck>) => void;
  renew: (request: RenewRequest, ack: Ack<PlainAck>) => void;
}
/** Socket.IO's typed events, server to client. `frames`: the session as the client named it, then its frames in order. */
export interface ServerToClientEvents {
  welcome: (welcome: Welcome) => void;
  frames: (session: string, frames: z.infer<typeof frameSchema>[]) => void;
  status: (status: Status) => void;
  expiring: (expiring: { inMs: number }) => void;
  closing: (closing: Closing) => void;
  announcement: (announcement: Announcement) => void;
}
