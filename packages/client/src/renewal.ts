import type { WireError } from "@holdfast/contract";
import type { Backoff } from "./backoff.ts";
import { isRetryable } from "./errors.ts";
import { Pause } from "./pause.ts";
import { fetchToken, type TokenSource } from "./token.ts";
import type { Wire } from "./wire.ts";

export type Renewal =
  | { outcome: "renewed"; token: string }
  | { outcome: "refused"; error: WireError }
  /** The connection ended first; the next one gets a token of its own. */
  | { outcome: "lost" };

interface RenewalOptions {
  wire: Wire;
  source: TokenSource;
  timeoutMs: number;
  backoff: Backoff;
}

/** SPEC connect-5: replaces the token of a living connection, trying until it is answered or the connection ends. */
export async function renewToken({ wire, source, timeoutMs, backoff }: RenewalOptions): Promise<Renewal> {
  for (;;) {
    const fetched = await fetchToken(source, { refused: undefined }, timeoutMs);
    if (wire.ended) return { outcome: "lost" };
    if (fetched.outcome === "token") {
      const reply = await wire.renew({ token: fetched.token });
      if (reply.outcome === "lost") return { outcome: "lost" };
      if (reply.outcome === "answered" && reply.answer.ok) return { outcome: "renewed", token: fetched.token };
      if (reply.outcome === "answered" && !reply.answer.ok && !isRetryable(reply.answer.error)) {
        return { outcome: "refused", error: reply.answer.error };
      }
    }
    await new Pause().wait(backoff.next());
    if (wire.ended) return { outcome: "lost" };
  }
}
