import {
  type ClientToServerEvents,
  PROTOCOL_VERSION,
  type SendAck,
  type SendRequest,
  type ServerToClientEvents,
} from "@holdfast/contract";
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
  const { name, urls, processes, sessionsPerConnection } = options;
  const sockets: ClientSocket[] = [];
  let opened = 0;

  /** One socket and the sessions on it. It comes back by itself and reopens them where they were. */
  const openConnection = async (count: number, recorder: Recorder): Promise<WireSession[]> => {
    const url = urls[sockets.length % urls.length];
    if (url === undefined) throw new Error(`${name} has no address to connect to.`);
    const subject = `load-${sockets.length}`;
    const socket = await connectSocket(url, await options.token(subject), { reconnectionDelayMax: 2_000 });
    sockets.push(socket);
    const wire = wireOf(socket, options.agent);
    const sessions = Array.from({ length: count }, () => {
      const session = `${name}-${process.pid}-${++opened}`;
      return new WireSession(wire, recorder, {
        name: session,
        perSend: options.perSend,
        workflowId: options.workflowId?.(subject, session),
        truth: async () => options.truth?.(subject, session),
      });
    });
    const byName = new Map(sessions.map((session) => [session.name, session]));
    socket.on("frames", (session, frames) => byName.get(session)?.accept(frames));
    socket.on("disconnect", () => recorder.note("disconnect"));
    socket.on("connect_error", () => recorder.note("connect_error"));
    socket.on("connect", () => {
      for (const session of sessions) session.open().catch(() => recorder.note("reopen_failed"));
    });
    await Promise.all(sessions.map((session) => session.open()));
    return sessions;
  };

  const closeSessions = async (): Promise<void> => {
    for (const socket of sockets.splice(0)) socket.close();
  };
  return {
    name,
    processes,
    open: async (count, recorder) => {
      const sessions: WireSession[] = [];
      while (sessions.length < count) {
        const some = Math.min(count - sessions.length, sessionsPerConnection);
        sessions.push(...(await openConnection(some, recorder)));
      }
      return sessions;
    },
    closeSessions,
    close: closeSessions,
  };
}

function wireOf(socket: ClientSocket, agent: string): Wire {
  return {
    send: async (request: SendRequest): Promise<SendAck> => {
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
