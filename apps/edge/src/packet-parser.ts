import { Decoder, Encoder, PacketType } from "socket.io-parser";

/**
 * Socket.IO runs its middlewares for every CONNECT packet that comes before the first is answered: a hundred on one
 * connection are a hundred tokens to verify. Socket.IO makes one decoder per connection, and ends the connection when it
 * throws.
 */
class SingleConnectDecoder extends Decoder {
  #hasConnected = false;

  constructor() {
    super();
    this.on("decoded", (packet) => {
      if (packet.type !== PacketType.CONNECT) return;
      if (this.#hasConnected) throw new Error("A connection sends one CONNECT packet.");
      this.#hasConnected = true;
    });
  }
}

/** The `parser` option of a Socket.IO server. */
export const singleConnectParser = { Encoder, Decoder: SingleConnectDecoder };
