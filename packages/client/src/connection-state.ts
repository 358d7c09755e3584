import type { HoldfastError } from "./errors.ts";

/**
 * The client's connection, for people to see.
 * - `idle`: nothing has been asked of it yet.
 * - `waiting`: the next attempt begins `delayMs` after the state was entered, or when the network comes back.
 * - `refused`: the edge refuses for a reason that repeating does not change; `client.start()` tries again.
 */
export type ConnectionState =
  | { readonly state: "idle" }
  | { readonly state: "connecting"; readonly url: string; readonly attempt: number }
  | { readonly state: "connected"; readonly url: string; readonly node: string | undefined }
  | { readonly state: "waiting"; readonly delayMs: number; readonly error: HoldfastError }
  | { readonly state: "refused"; readonly error: HoldfastError }
  | { readonly state: "closed" };
