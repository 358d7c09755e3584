import { mintToken } from "@holdfast/stack/token";
import type { TokenClaims } from "@holdfast/stack/stack";
import type { Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Fixture, startFixture } from "../kit/fixture.ts";
import { type Ack, ask, type Obj, rawConnect, RawReader } from "../kit/raw-client.ts";

/**
 * What a rule can be tried with. `secret`: tokens for any subject can be signed. `script`: the model obeys the directives in
 * its inputs, as the scripted model server does. `concierge`: there is an agent of that name that counts observes.
 */
export type Need = "secret" | "script" | "concierge";

/** The edges under test, where they are somebody else's; see `main.ts`. */
const GIVEN = {
  urls: process.env["HOLDFAST_CONFORMANCE_URLS"]?.split(" ") ?? [],
  token: process.env["HOLDFAST_CONFORMANCE_TOKEN"],
  secret: process.env["HOLDFAST_CONFORMANCE_SECRET"],
  tenant: process.env["HOLDFAST_CONFORMANCE_TENANT"] ?? "acme",
  agent: process.env["HOLDFAST_CONFORMANCE_AGENT"] ?? "echo",
  isScripted: process.env["HOLDFAST_CONFORMANCE_SCRIPTED"] === "true",
};
const isGiven = GIVEN.urls.length > 0;
/** Edges of somebody else's may have seen an earlier run. */
const RUN = isGiven ? `${Date.now().toString(36)}${process.pid.toString(36)}-` : "";
const has: Record<Need, boolean> = {
  secret: !isGiven || GIVEN.secret !== undefined,
  script: !isGiven || GIVEN.isScripted,
  concierge: !isGiven || GIVEN.isScripted,
};

/** Whether a rule can be tried; one that cannot is told as not tried. */
export function can(...needs: readonly Need[]): boolean {
  return needs.every((need) => has[need]);
}

export const input = (seq: number, text: string): Obj => ({ seq, kind: "input", text });

/** So many turns have ended and none is running. */
export const ended =
  (turns: number) =>
  (held: RawReader): boolean =>
    held.view.turns.at(-1)?.turn === turns && !held.view.running;

/** Resolves to the code by which a request is refused; undefined when it is not. */
export async function codeOf(answer: Promise<Ack>): Promise<string | undefined> {
  const { ok, error } = await answer;
  return ok ? undefined : error?.code;
}

export interface Visit {
  socket: Socket;
  reader: RawReader;
  subject: string;
  /** The session as this subject names it. */
  session: string;
  readonly send: (events: Obj[], more?: Obj) => Promise<Ack>;
  /** Sends one input, which begins a turn of the same number, and waits until that has ended. */
  readonly say: (turn: number, text: string) => Promise<void>;
}

/** Edges that are held against SPEC.md: those of a stack of its own, or any that are named by `HOLDFAST_CONFORMANCE_URLS`. */
export class Target {
  #fixture: Fixture | undefined;
  readonly #sockets: Socket[] = [];
  #names = 0;

  static async open(): Promise<Target> {
    const target = new Target();
    await target.#begin();
    return target;
  }

  /** For all tests of a file. */
  static ofFile(): Target {
    const target = new Target();
    beforeAll(() => target.#begin());
    afterEach(() => target.leave());
    afterAll(() => target.close());
    return target;
  }

  async #begin(): Promise<void> {
    this.#fixture = isGiven ? undefined : await startFixture();
  }

  /** Of a stack of its own. */
  get fixture(): Fixture {
    if (this.#fixture === undefined) throw new Error("These edges are somebody else's.");
    return this.#fixture;
  }

  edge(node: number): string {
    const urls = this.#fixture?.stack.edgeUrls ?? GIVEN.urls;
    return urls[node % urls.length] ?? "";
  }

  token(claims: TokenClaims): Promise<string> {
    if (this.#fixture !== undefined) return this.#fixture.stack.token(claims);
    if (GIVEN.secret !== undefined) return mintToken(GIVEN.secret, { tenant: GIVEN.tenant, ...claims });
    return Promise.resolve(GIVEN.token ?? "");
  }

  newSubject(): string {
    return this.#newName("user");
  }

  async connect(subject: string, node = 0, claims: Omit<TokenClaims, "subject"> = {}): Promise<Socket> {
    return (await this.connected(node, await this.token({ subject, ...claims }))).socket;
  }

  async connected(node: number, token: string): Promise<{ socket: Socket; welcome: Obj }> {
    const connected = await rawConnect(this.edge(node), token);
    this.#sockets.push(connected.socket);
    return connected;
  }

  /** A subject with a session of its own open; `again`: the same one. */
  async visit(again: Partial<Pick<Visit, "subject" | "session">> = {}, node = 0): Promise<Visit> {
    const claims = { subject: again.subject ?? this.newSubject() };
    return this.#open(again.session ?? this.#newName("s"), node, claims, { agent: GIVEN.agent });
  }

  /** An owner with a session, and a guest whose token opens it, too. */
  async meet(): Promise<{ owner: Visit; guest: Visit }> {
    const owner = await this.visit();
    const session = `${owner.subject}/${owner.session}`;
    return { owner, guest: await this.#open(session, 1, { subject: this.newSubject(), shared: [session] }) };
  }

  async #open(session: string, node: number, claims: TokenClaims, more: Obj = {}): Promise<Visit> {
    const { socket, welcome } = await this.connected(node, await this.token(claims));
    const reader = new RawReader(session);
    const ack = await reader.open(socket, more);
    if (!ack.ok) throw new Error(`The session did not open: ${JSON.stringify(ack)}`);
    const send: Visit["send"] = (events, request) =>
      ask(socket, "send", { session, producer: "p", events, ...request });
    const say: Visit["say"] = async (turn, text) => {
      await send([input(turn, text)]);
      await reader.until(ended(turn), 60_000);
    };
    return { socket, reader, subject: String(welcome["subject"]), session, send, say };
  }

  /** Closes every connection there is. */
  leave(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }

  async close(): Promise<void> {
    this.leave();
    await this.#fixture?.close();
  }

  #newName(what: string): string {
    return `${what}-${RUN}${++this.#names}`;
  }
}
