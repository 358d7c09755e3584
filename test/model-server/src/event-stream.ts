import { once } from "node:events";
import type { Response } from "express";

/** The response of a streamed completion: server-sent events of OpenAI's chunks. */
export class EventStream {
  readonly #response: Response;
  readonly #id: string;
  readonly #model: string;
  readonly #splitBytes: boolean;

  constructor(response: Response, id: string, model: string, splitBytes: boolean) {
    this.#response = response;
    this.#id = id;
    this.#model = model;
    this.#splitBytes = splitBytes;
  }

  /** Sends the headers at once: a stalled call must have answered 200. */
  open(): void {
    this.#response.status(200).set({ "content-type": "text/event-stream", "cache-control": "no-cache" });
    this.#response.flushHeaders();
    this.#response.socket?.setNoDelay(true);
  }

  /** Each of these resolves when the client can take more. */
  async delta(content: string): Promise<void> {
    await this.#chunk([{ index: 0, delta: { role: "assistant", content }, finish_reason: null }]);
  }

  async finish(): Promise<void> {
    await this.#chunk([{ index: 0, delta: {}, finish_reason: "stop" }]);
  }

  async usage(usage: Record<string, number>): Promise<void> {
    await this.#chunk([], { usage });
  }

  async done(): Promise<void> {
    await this.#event("[DONE]");
    this.#response.end();
  }

  /** A chunk cut off in the middle of its JSON. */
  malformed(): void {
    this.#write(`{"id":"${this.#id}","choices":[{"index":0,"delta":{"content":"lost`);
  }

  error(): void {
    const error = { message: "scripted error", type: "server_error", code: null, param: null };
    this.#write(JSON.stringify({ error }));
    this.#response.end();
  }

  cut(): void {
    this.#response.socket?.destroy();
  }

  async #chunk(choices: object[], more: object = {}): Promise<void> {
    const head = { id: this.#id, object: "chat.completion.chunk", created: 0, model: this.#model };
    await this.#event(JSON.stringify({ ...head, choices, ...more }));
  }

  async #event(data: string): Promise<void> {
    if (this.#write(data) || this.#response.destroyed) return;
    await Promise.race([once(this.#response, "drain"), once(this.#response, "close")]);
  }

  /** Whether the client can take more. */
  #write(data: string): boolean {
    const bytes = Buffer.from(`data: ${data}\n\n`);
    if (!this.#splitBytes) return this.#response.write(bytes);
    let room = true;
    for (const byte of bytes) room = this.#response.write(Buffer.of(byte));
    return room;
  }
}
