import { type ClientToServerEvents, PROTOCOL_VERSION, type ServerToClientEvents } from "@holdfast/contract";
import { io, type ManagerOptions, type Socket } from "socket.io-client";
import type { Recorder } from "../measure/recorder.ts";
import type { NamedProcess } from "../measure/window.ts";
import type { LoadTarget } from "./session.ts";
import { type Wire, WireSession, type WorkflowFacts } from "./wire-session.ts";

export interface WireTargetOptions {
  name: LoadTarget["name"];
  /** Connections are spread over them in turn. */
  urls: readonly string[];
  agent: string;
  /** Events in one `send` at most. */
  perSend: number;
  /** At most what `LIMITS.sessionsPerConnection` says. */
  sessionsPerConnection: number;
  processes: NamedProcess[];
  token(subject: string): Promise<string>;
  workflowId?: (subject: string, session: string) => string;
  /** Left out where there is no truth but what the reader saw. */
  truth?: (subject: string, session: string) => Promise<WorkflowFacts>;
}

/** Longer than any wait that is still a figure: an answer later than this counts as lost and is asked for again. */
const ANSWER_TIMEOUT_MS = 60_000;

type ClientSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

/** Rejects with the edge's refusal, or when nothing listens at `url`. */
export async function connectSocket(
  url: string,
  token: string,
  options: Partial<ManagerOptions>,
): Promise<ClientSocket> {
  const auth = { token, protocol: PROTOCOL_VERSION, client: "bench" };
  const socket: ClientSocket = io(url, { ...options, auth, transports: ["websocket"], forceNew: true });
  await new Promise<void>((resolve, reject) => {
    const refused = ({ message }: Error): void => {
      socket.close();
      reject(new Error(`The edge at ${url} did not take the connection: ${message}`));
    };
    socket.once("connect_error", refused);
    socket.once("connect", () => {
      // From now on a refusal is one of many tries to come back.
      socket.off("connect_error", refused);
      resolve();
    });
  });
  return socket;
}

/** Anything that speaks the wire contract: Holdfast's edges, or the floor. */
export function wireTarget(options: WireTargetOptions): LoadTarget {
  const { name, urls, processes, agent, perSend, sessionsPerConnection } = options;
  const sockets: ClientSocket[] = [];
  let opened = 0;

  /** One socket and the sessions on it. It comes back by itself and reopens them where they were. */
  const openConnection = async (count: number, recorder: Recorder): Promise<WireSession[]> => {
    const url = urls[sockets.length % urls.length];
    if (url === undefined) throw new Error(`${name} has no address to connect to.`);
    const subject = `load-${sockets.length}`;
    const socket = await connectSocket(url, await options.token(subject), { reconnectionDelayMax: 2_000 });
    sockets.push(socket);
    const sessions = new Map<string, WireSession>();
    for (let index = 0; index < count; index++) {
      const session = `${name}-${process.pid}-${++opened}`;
      const workflowId = options.workflowId?.(subject, session);
      const truth = async (): Promise<WorkflowFacts | undefined> => options.truth?.(subject, session);
      const sessionOptions = { name: session, perSend, workflowId, truth };
      sessions.set(session, new WireSession(wireOf(socket, agent), recorder, sessionOptions));
    }
    socket.on("frames", (session, frames) => sessions.get(session)?.accept(frames));
    socket.on("disconnect", () => recorder.note("disconnect"));
    socket.on("connect_error", () => recorder.note("connect_error"));
    socket.on("connect", () => {
      for (const session of sessions.values()) session.open().catch(() => recorder.note("reopen_failed"));
    });
    await Promise.all([...sessions.values()].map((session) => session.open()));
    return [...sessions.values()];
  };

  const open = async (count: number, recorder: Recorder): Promise<WireSession[]> => {
    const sessions: WireSession[] = [];
    while (sessions.length < count)
      sessions.push(...(await openConnection(Math.min(count - sessions.length, sessionsPerConnection), recorder)));
    return sessions;
  };
  const closeSessions = async (): Promise<void> => sockets.splice(0).forEach((socket) => socket.close());
  return { name, processes, open, closeSessions, close: closeSessions };
}

function wireOf(socket: ClientSocket, agent: string): Wire {
  return {
    send: async (request) => {
      if (!socket.connected) throw new Error("not connected");
      return socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck("send", request);
    },
    open: async (session, cursor) => {
      const request = { session, agent, ...(cursor === undefined ? {} : { cursor }) };
      const ack = await socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck("open", request);
      if (!ack.ok) throw new Error(`Session ${session} did not open: ${ack.error.code}: ${ack.error.message}`);
    },
  };
}
