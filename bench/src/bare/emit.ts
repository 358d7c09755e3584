import type { BareOutput } from "./protocol.ts";

interface EmitRequest {
  session: string;
  seq: number;
  tokens: number;
  tokenDelayMs: number;
}

/** The activity: tells the bench of its first output, takes as long as an answer would, tells it of the last. */
export type Emit = { emit(request: EmitRequest): Promise<void> };

export function createEmit(tell: (output: BareOutput) => void): Emit {
  return {
    async emit({ session, seq, tokens, tokenDelayMs }) {
      tell({ session, seq, output: "first" });
      const rest = (tokens - 1) * tokenDelayMs;
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
      tell({ session, seq, output: "last" });
    },
  };
}
