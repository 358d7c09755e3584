import { answerTokens, parseScript } from "@holdfast/model-server";
import type { Socket } from "socket.io-client";
import { ask, type Ack, type Obj, rawConnect, RawReader } from "./raw-client.ts";
import { type Scene, startScene } from "./stack.ts";

export const answer = (text: string, directives = ""): string => answerTokens(text, parseScript(directives)).join("");
export const input = (seq: number, text: string): Obj => ({ seq, kind: "input", text });
export const send = (socket: Socket, events: Obj[], more: Obj = {}): Promise<Ack> =>
  ask(socket, "send", { session: "s", producer: "p", events, ...more });
/** So many turns have ended and none is running. */
export const ended =
  (turns: number) =>
  (held: RawReader): boolean =>
    held.view.turns.at(-1)?.turn === turns && !held.view.running;

export interface Visit {
  socket: Socket;
  reader: RawReader;
  subject: string;
}

/** Raw clients of one scene: connections and sessions that nobody else uses, ended after each test. */
export class Visitors {
  readonly #scene: Scene;
  readonly #sockets: Socket[] = [];
  #subjects = 0;

  private constructor(scene: Scene) {
    this.#scene = scene;
  }

  static async arrive(): Promise<Visitors> {
    return new Visitors(await startScene());
  }

  get scene(): Scene {
    return this.#scene;
  }

  edge(node: number): string {
    return this.#scene.stack.edgeUrls[node] ?? "";
  }

  newSubject(): string {
    return `user-${++this.#subjects}`;
  }

  async connect(subject: string, node = 0, claims: { shared?: string[]; tenant?: string } = {}): Promise<Socket> {
    const { socket } = await rawConnect(this.edge(node), await this.#scene.stack.token({ subject, ...claims }));
    this.keep(socket);
    return socket;
  }

  keep(socket: Socket): void {
    this.#sockets.push(socket);
  }

  /** One subject with its session `s` open. */
  async visit(subject = this.newSubject(), node = 0, agent = "echo"): Promise<Visit> {
    const socket = await this.connect(subject, node);
    const reader = new RawReader("s");
    const ack = await reader.open(socket, { agent });
    if (!ack.ok) throw new Error(`The session did not open: ${JSON.stringify(ack)}`);
    return { socket, reader, subject };
  }

  leave(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  async stop(): Promise<void> {
    this.leave();
    await this.#scene.stop();
  }
}
