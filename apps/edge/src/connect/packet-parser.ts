import { Decoder, Encoder, PacketType } from "socket.io-parser";

/** The length of the text from which a request was parsed, by the request. */
const lengths = new WeakMap<object, number>();

/** Length of the packet that a request came in, in UTF-16 code units; undefined for a packet with binary data. */
export function packetLengthOf(request: unknown): number | undefined {
  return typeof request === "object" && request !== null ? lengths.get(request) : undefined;
}

/**
 * Takes one CONNECT packet of a connection. Socket.IO would run its middlewares for every CONNECT that comes before the first is
 * answered, so a hundred of them would be a hundred tokens to verify. Socket.IO makes one decoder for each connection, and ends the
 * connection when its decoder throws.
 */
class EdgeDecoder extends Decoder {
  #hasConnected = false;
  #length = 0;

  constructor() {
    super();
    this.on("decoded", (packet) => {
      if (packet.type === PacketType.EVENT) this.#note(packet.data);
      if (packet.type !== PacketType.CONNECT) return;
      if (this.#hasConnected) throw new Error("A connection sends one CONNECT packet.");
      this.#hasConnected = true;
    });
  }

  override add(packet: unknown): void {
    this.#length = typeof packet === "string" ? packet.length : 0;
    super.add(packet);
  }

  #note(args: unknown): void {
    if (!Array.isArray(args)) return;
    for (const arg of args) if (typeof arg === "object" && arg !== null) lengths.set(arg, this.#length);
  }
}

/** The `parser` option of a Socket.IO server. */
export const packetParser = { Encoder, Decoder: EdgeDecoder };
