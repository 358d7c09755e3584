import { pino, type Logger, stdSerializers } from "pino";

export type { Logger };

/** An Error under any other name would be written as `{}`; the SDK calls it `error`. */
const serializers = { err: stdSerializers.err, error: stdSerializers.err };

/** JSON lines on stdout. */
export function createLogger(app: string, config: { HOLDFAST_NODE_ID: string; HOLDFAST_LOG_LEVEL: string }): Logger {
  return pino({ level: config.HOLDFAST_LOG_LEVEL, serializers, base: { app, node: config.HOLDFAST_NODE_ID } });
}
