import { z } from "zod";
import type { ControlOptions } from "./config.ts";

/** What a child of the supervisor is called, and what the page may ask for. */
export const childNameSchema = z.string().regex(/^[a-z0-9-]{1,64}$/);
export const killRequestSchema = z.strictObject({
  signal: z.enum(["SIGKILL", "SIGTERM", "SIGSTOP", "SIGCONT"]).default("SIGKILL"),
});
export type KillRequest = z.infer<typeof killRequestSchema>;

/** What the supervisor answered, to be passed on as it is. */
export interface ControlAnswer {
  status: number;
  body: string;
}

/** The supervisor's control API. It listens on loopback and wants a token the page must not have: hence this detour. */
export class Supervisor {
  readonly #control: ControlOptions;

  constructor(control: ControlOptions) {
    this.#control = control;
  }

  children(): Promise<ControlAnswer> {
    return this.#call("GET", "/children");
  }

  kill(child: string, request: KillRequest): Promise<ControlAnswer> {
    return this.#call("POST", `/children/${child}/kill`, request);
  }

  async #call(method: string, path: string, body?: KillRequest): Promise<ControlAnswer> {
    try {
      const response = await fetch(`${this.#control.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#control.token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(5_000),
      });
      return { status: response.status, body: await response.text() };
    } catch {
      return { status: 502, body: JSON.stringify({ error: "The supervisor does not answer." }) };
    }
  }
}
