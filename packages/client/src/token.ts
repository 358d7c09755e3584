import type { WireError } from "@holdfast/contract";
import { Pause, type Backoff } from "./backoff.ts";
import { isRetryable, type HoldfastError } from "./errors.ts";
import type { Wire } from "./wire.ts";

/** Why a token is asked for. */
export interface TokenRequest {
  /** Set when the edge refused the last token; returning that same token again ends in the state `refused`. */
  refused: HoldfastError | undefined;
}

/** Asked anew before every connection and every renewal; may cache. A throw is retried with back-off. */
export type TokenSource = (request: TokenRequest) => string | Promise<string>;

export type TokenOutcome = { outcome: "token"; token: string } | { outcome: "failed"; cause: unknown };

/** A source that throws, rejects, hangs or gives no text is an outcome, since it must not end the reconnecting. */
export async function fetchToken(source: TokenSource, request: TokenRequest, timeoutMs: number): Promise<TokenOutcome> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<TokenOutcome>((resolve) => {
    timer = setTimeout(
      () => resolve({ outcome: "failed", cause: new Error("the token function took too long") }),
      timeoutMs,
    );
  });
  const asked = ask(source, request);
  const outcome = await Promise.race([asked, late]);
  clearTimeout(timer);
  return outcome;
}

async function ask(source: TokenSource, request: TokenRequest): Promise<TokenOutcome> {
  try {
    const token: unknown = await source(request);
    if (typeof token === "string" && token !== "") return { outcome: "token", token };
    return { outcome: "failed", cause: new TypeError("the token function gave no text") };
  } catch (cause) {
    return { outcome: "failed", cause };
  }
}

export type Renewal =
  | { outcome: "renewed"; token: string }
  | { outcome: "refused"; error: WireError }
  /** The connection ended first; the next one gets a token of its own. */
  | { outcome: "lost" };

interface RenewalOptions {
  wire: Pick<Wire, "renew" | "ended">;
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
