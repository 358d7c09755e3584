import {
  closeRequestSchema,
  historyRequestSchema,
  LIMITS,
  openRequestSchema,
  parseSessionRef,
  renewRequestSchema,
  sessionPath,
  wireError,
  type CommandAck,
  type HistoryAck,
  type OpenAck,
  type PlainAck,
  type SendAck,
  type SessionKey,
  type WireError,
} from "@holdfast/contract";
import { spread, TokenBucket } from "../pacing.ts";
import type { Feed } from "../read/feed.ts";
import type { Feeds } from "../read/feeds.ts";
import type { ReadHistory } from "../read/history.ts";
import { Reader, type ReaderDeps } from "../read/reader.ts";
import type { SocketWriter } from "../read/socket-writer.ts";
import type { CommandPace, RunCommand } from "../send/commands.ts";
import { type Intake, type OpenSession, SendLedger } from "../send/intake.ts";
import { checkCommand, type Checked, checkRequest, checkSend, sendPlaceOf } from "../send/request-check.ts";
import type { Claims, TokenVerifier } from "./tokens.ts";

export interface ConnectionOptions {
  readonly agents: ReadonlySet<string>;
  readonly defaultAgent: string;
  readonly requestsPerSecond: number;
  readonly commandsPerSecond: number;
}

export interface ConnectionDeps {
  readonly feeds: Feeds;
  readonly reader: ReaderDeps;
  readonly intake: Intake;
  readonly commandPace: CommandPace;
  readonly runCommand: RunCommand;
  readonly readHistory: ReadHistory;
  readonly verify: TokenVerifier;
}

interface ReadSession extends OpenSession {
  readonly feed: Feed;
  readonly reader: Reader;
}

type Refused = { ok: false; error: WireError };
type Answer<T> = (ack: T | Refused) => void;
type Resolved = { outcome: "allowed"; key: SessionKey } | { outcome: "refused"; error: WireError };

const MAX_COMMANDS = 16;
const NO_SESSION_NAME = wireError("invalid", "session: not a session's name.");

/**
 * One socket's state: its subject, its open sessions, and the order of its producers. Each method is one request of SPEC §3
 * and calls `answer` once. The requests it is given are unchecked.
 */
export class Connection {
  readonly #deps: ConnectionDeps;
  readonly #options: ConnectionOptions;
  readonly #writer: SocketWriter;
  readonly #ledger: SendLedger;
  readonly #requests: TokenBucket;
  readonly #commandRate: TokenBucket;
  /** By the name the client opened it under (ids-2). */
  readonly #sessions = new Map<string, ReadSession>();
  #claims: Claims;
  #commands = 0;
  #isRetired = false;

  constructor(deps: ConnectionDeps, options: ConnectionOptions, writer: SocketWriter, claims: Claims) {
    this.#deps = deps;
    this.#options = options;
    this.#writer = writer;
    this.#claims = claims;
    this.#ledger = new SendLedger(claims.subject);
    const { requestsPerSecond, commandsPerSecond } = options;
    this.#requests = new TokenBucket(2 * requestsPerSecond, requestsPerSecond, performance.now());
    this.#commandRate = new TokenBucket(2 * commandsPerSecond, commandsPerSecond, performance.now());
  }

  get claims(): Claims {
    return this.#claims;
  }

  /** The open sessions. */
  get sessions(): SessionKey[] {
    return [...this.#sessions.values()].map(({ key }) => key);
  }

  /** Events sent on this connection that are neither durable nor refused yet. */
  get waitingEvents(): number {
    return this.#ledger.budget.events;
  }

  async open(raw: unknown, answer: Answer<OpenAck>): Promise<void> {
    const checked = this.#admit() ?? checkRequest(openRequestSchema, raw);
    if (checked.outcome === "refused") return answer(refusal(checked.error));
    const { session: ref, agent = this.#options.defaultAgent, cursor, version } = checked.request;
    const resolved = this.#resolve(ref);
    if (resolved.outcome === "refused") return answer(refusal(resolved.error));
    if (!this.#options.agents.has(agent)) return answer(refusal(wireError("unknown_agent", `No agent ${agent}.`)));
    if (!this.#sessions.has(ref) && this.#sessions.size >= LIMITS.sessionsPerConnection) {
      const { sessionsPerConnection } = LIMITS;
      const error = wireError("busy", `Close a session first (sessionsPerConnection: ${sessionsPerConnection}).`);
      return answer(refusal({ ...error, retryAfterMs: spread(1_000) }));
    }

    const { key } = resolved;
    const feed = this.#deps.feeds.acquire(key);
    this.#drop(ref);
    const reader = new Reader(this.#deps.reader, feed, this.#writer, { ref, agent, cursor, version });
    const isGuest = key.owner !== this.#claims.subject;
    const hasBegun = (): boolean => feed.hasFrames;
    this.#sessions.set(ref, { key, path: feed.path, agent, isGuest, hasBegun, feed, reader });
    // A reader without a cursor gets the workflow's snapshot if the log is not verified. With a cursor, the log is verified afterwards.
    if (cursor !== undefined) this.#deps.feeds.verify(feed);
    const { resumed } = await reader.opened;
    answer({ ok: true, resumed });
  }

  send(raw: unknown, answer: Answer<SendAck>): void {
    const checked = this.#admit() ?? checkSend(raw);
    if (checked.outcome === "refused") return this.#refuseSend(raw, checked.error, answer);
    const session = this.#sessions.get(checked.request.request.session);
    if (session === undefined) return this.#refuseSend(raw, wireError("not_open"), answer);
    this.#deps.intake.take(this.#ledger, session, checked.request, answer);
  }

  command(raw: unknown, answer: Answer<CommandAck>): Promise<void> {
    return this.#ask(this.#admit() ?? checkCommand(raw), answer, (key, request) => {
      return this.#deps.runCommand(key, this.#claims.subject, request);
    });
  }

  history(raw: unknown, answer: Answer<HistoryAck>): Promise<void> {
    return this.#ask(this.#admit() ?? checkRequest(historyRequestSchema, raw), answer, this.#deps.readHistory);
  }

  /** A request that the session itself answers; it need not be open on this connection. */
  async #ask<R extends { session: string }, A>(
    checked: Checked<R>,
    answer: Answer<A>,
    run: (key: SessionKey, request: R) => Promise<A>,
  ): Promise<void> {
    if (checked.outcome === "refused") return answer(refusal(checked.error));
    const { request } = checked;
    const resolved = this.#resolve(request.session);
    if (resolved.outcome === "refused") return answer(refusal(resolved.error));
    answer(await this.#paced(resolved.key, () => run(resolved.key, request)));
  }

  /** SPEC limit-2: each such request is a task for an agent process. So they have a rate of their own, and a bound on how many run at once. */
  async #paced<A>(key: SessionKey, run: () => Promise<A>): Promise<A | Refused> {
    const wait = this.#commandRate.take(performance.now()) || this.#deps.commandPace.take(key, this.#claims.subject);
    if (wait > 0) {
      const retryAfterMs = spread(wait);
      return refusal(wireError("rate_limited", "Too many commands in a short time.", { retryAfterMs }));
    }
    if (this.#commands >= MAX_COMMANDS) {
      const retryAfterMs = spread(500);
      return refusal(wireError("busy", "This connection has too many commands under way.", { retryAfterMs }));
    }
    this.#commands++;
    const ack = await run();
    this.#commands--;
    return ack;
  }

  closeSession(raw: unknown, answer: Answer<PlainAck>): void {
    const checked = this.#admit() ?? checkRequest(closeRequestSchema, raw);
    if (checked.outcome === "refused") return answer(refusal(checked.error));
    const { session: ref } = checked.request;
    if (parseSessionRef(ref, this.#claims) === undefined) return answer(refusal(NO_SESSION_NAME));
    this.#drop(ref);
    answer({ ok: true });
  }

  /** `narrowed`: open sessions that the new token does not allow were dropped, and the caller has to tell the client. */
  async renew(raw: unknown, answer: Answer<PlainAck>): Promise<"refused" | "renewed" | "narrowed"> {
    const refuse = (error: WireError): "refused" => {
      answer(refusal(error));
      return "refused";
    };
    const checked = this.#admit() ?? checkRequest(renewRequestSchema, raw);
    if (checked.outcome === "refused") return refuse(checked.error);
    const check = await this.#deps.verify(checked.request.token);
    if (check.outcome === "refused") return refuse(check.error);
    const { tenant, subject } = this.#claims;
    if (check.claims.tenant !== tenant || check.claims.subject !== subject) {
      return refuse(wireError("forbidden", "The token is another subject's."));
    }
    this.#claims = check.claims;
    const lost = [...this.#sessions].filter(([, { key }]) => !this.#mayOpen(key));
    for (const [ref] of lost) this.#drop(ref);
    answer({ ok: true });
    return lost.length === 0 ? "renewed" : "narrowed";
  }

  /** SPEC req-2: a request of a later release. */
  unknown(name: string | number, answer: Answer<never>): void {
    const error = wireError("unknown_request", `No request ${String(name).slice(0, 64)}.`);
    answer(refusal(this.#admit()?.error ?? error));
  }

  /** Takes no more requests; frames and outstanding answers go on. */
  retire(): void {
    this.#isRetired = true;
  }

  /** SPEC open-5: ends all sessions. Events that were taken still become durable. */
  end(): void {
    this.retire();
    this.#ledger.answers.drop();
    for (const ref of this.#sessions.keys()) this.#drop(ref);
  }

  /** Undefined: the request may go on. */
  #admit(): { outcome: "refused"; error: WireError } | undefined {
    if (this.#isRetired) return { outcome: "refused", error: wireError("draining") };
    const wait = this.#requests.take(performance.now());
    if (wait === 0) return undefined;
    return { outcome: "refused", error: wireError("rate_limited", undefined, { retryAfterMs: spread(wait) }) };
  }

  #resolve(ref: string): Resolved {
    const key = parseSessionRef(ref, this.#claims);
    if (key === undefined) return { outcome: "refused", error: NO_SESSION_NAME };
    return this.#mayOpen(key) ? { outcome: "allowed", key } : { outcome: "refused", error: wireError("forbidden") };
  }

  #mayOpen({ owner, name }: SessionKey): boolean {
    return owner === this.#claims.subject || this.#claims.shared.has(`${owner}/${name}`);
  }

  /** SPEC send-5 holds for a request that is refused before its content is looked at, too. */
  #refuseSend(raw: unknown, error: WireError, answer: Answer<SendAck>): void {
    const place = sendPlaceOf(raw);
    const key = place === undefined ? undefined : parseSessionRef(place.session, this.#claims);
    if (place !== undefined && key !== undefined) {
      this.#ledger.order.begin(sessionPath(key), place.producer, place.after);
    }
    answer(refusal(error));
  }

  #drop(ref: string): void {
    const session = this.#sessions.get(ref);
    if (session === undefined) return;
    this.#sessions.delete(ref);
    session.reader.close();
    this.#deps.feeds.release(session.feed);
  }
}

function refusal(error: WireError): Refused {
  return { ok: false, error };
}
