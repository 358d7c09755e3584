import { pino, type Logger } from "pino";

export type { Logger };

/** JSON lines on stdout. */
export function createLogger(app: string, config: { HOLDFAST_NODE_ID: string; HOLDFAST_LOG_LEVEL: string }): Logger {
  return pino({ level: config.HOLDFAST_LOG_LEVEL, base: { app, node: config.HOLDFAST_NODE_ID } });
}
