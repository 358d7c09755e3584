import { type Cursor, type Frame } from "@holdfast/contract";
import { encodeLogFrame, type LogFrame } from "@holdfast/internal";

/** A frame and its JSON: encoded once, however many sockets it goes to. */
export interface EncodedFrame {
  readonly frame: LogFrame;
  readonly json: string;
}

export function encodeFrame(frame: LogFrame): EncodedFrame {
  return { frame, json: encodeLogFrame(frame) };
}

/**
 * The Socket.IO packet of `frames (session, frame[])`: type 2 (event), default namespace, no acknowledgement.
 * Written by hand so that frames need not be parsed and encoded again for every socket.
 */
export function framesPacket(ref: string, frames: readonly string[]): string {
  return `2["frames",${JSON.stringify(ref)},[${frames.join(",")}]]`;
}

export function snapshotJson(cursor: Cursor, snapshot: Extract<Frame, { type: "snapshot" }>["snapshot"]): string {
  const frame: Frame = { type: "snapshot", id: cursor, snapshot };
  return JSON.stringify(frame);
}
