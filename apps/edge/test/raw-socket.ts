import { once } from "node:events";
import { WebSocket } from "ws";

/** A WebSocket at an edge that speaks Engine.IO by hand, for what no Socket.IO client would do. */
export class RawSocket {
  readonly ws: WebSocket;
  readonly received: string[] = [];
  readonly closed: Promise<unknown>;
  #arrivals: (() => void)[] = [];

  constructor(url: string) {
    this.ws = new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
    this.closed = once(this.ws, "close");
    this.ws.on("error", () => {});
    this.ws.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text === "2") this.ws.send("3");
      this.received.push(text);
      for (const resolve of this.#arrivals.splice(0)) resolve();
    });
  }

  async opened(): Promise<void> {
    if (this.ws.readyState !== WebSocket.OPEN) await once(this.ws, "open");
  }

  send(packet: string): void {
    this.ws.send(packet);
  }

  connect(token: string): void {
    this.send(`40${JSON.stringify({ token, protocol: 1 })}`);
  }

  /** The first packet that begins so. */
  async packet(prefix: string): Promise<string> {
    for (;;) {
      const found = this.received.find((text) => text.startsWith(prefix));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#arrivals.push(resolve));
    }
  }

  close(): void {
    this.ws.terminate();
  }
}

/** The status an upgrade is answered with; 101 when it is taken. */
export async function upgradeStatus(url: string, path = "/socket.io/?EIO=4&transport=websocket"): Promise<number> {
  const ws = new WebSocket(url.replace("http", "ws") + path);
  ws.on("error", () => {});
  return new Promise((resolve) => {
    ws.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
    ws.on("open", () => {
      ws.terminate();
      resolve(101);
    });
  });
}
