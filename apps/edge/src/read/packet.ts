import type { Cursor } from "@holdfast/contract";
import type { FrameText, SnapshotText } from "@holdfast/internal";

/** A message as Engine.IO sends it. */
export interface Packet {
  readonly text: string;
  /** Engine.IO writes `wsPreEncodedFrame` as it is: one copy of the bytes for all sockets, and nothing to encode. */
  readonly options: { readonly compress: false; readonly wsPreEncodedFrame?: readonly Buffer[] };
}

/** Frames on their way to sockets: one packet for all that read the session under the same name. */
export class FramesPacket {
  readonly frames: readonly FrameText[];
  readonly #packets = new Map<string, Packet>();

  constructor(frames: readonly FrameText[]) {
    this.frames = frames;
  }

  /**
   * `ref`: the name by which a client opened the session. Bytes are made for the second socket that asks: until there are
   * two they would be one more copy in memory, and save nothing.
   */
  under(ref: string): Packet {
    const known = this.#packets.get(ref);
    const isComplete = known?.options.wsPreEncodedFrame !== undefined;
    if (isComplete) return known;
    const packet = known === undefined ? this.#build(ref) : withBytes(known);
    this.#packets.set(ref, packet);
    return packet;
  }

  #build(ref: string): Packet {
    return framesPacket(
      ref,
      this.frames.map(({ json }) => json),
    );
  }
}

export function snapshotPacket(ref: string, cursor: Cursor, { json }: SnapshotText): Packet {
  return framesPacket(ref, [`{"type":"snapshot","id":${JSON.stringify(cursor)},"snapshot":${json}}`]);
}

/**
 * The Socket.IO packet of `frames (session, frame[])`: type 2 (event), default namespace, no acknowledgement.
 * Written by hand, since the frames are text already.
 */
function framesPacket(ref: string, frames: readonly string[]): Packet {
  const text = `2["frames",${JSON.stringify(ref)},[${frames.join(",")}]]`;
  return { text, options: { compress: false } };
}

function withBytes({ text }: Packet): Packet {
  return { text, options: { compress: false, wsPreEncodedFrame: [webSocketFrame(text)] } };
}

/** Engine.IO's mark of a message. */
const MESSAGE = "4";
/** The final fragment of a text message. */
const FINAL_TEXT = 0x81;

/** RFC 6455 §5.2: unmasked, as a server sends. */
function webSocketFrame(text: string): Buffer {
  const length = MESSAGE.length + Buffer.byteLength(text);
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = FINAL_TEXT;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(MESSAGE + text, header);
  return frame;
}
