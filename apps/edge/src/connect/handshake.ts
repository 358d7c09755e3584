import { authSchema, PROTOCOL_VERSION, wireError, type WireError } from "@holdfast/contract";
import type { Admission } from "./admission.ts";
import type { OriginCheck } from "./origins.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import type { Claims, TokenVerifier } from "./tokens.ts";

export interface HandshakeDeps {
  readonly checkOrigin: OriginCheck;
  readonly verify: TokenVerifier;
  readonly admit: Admission;
  readonly isDraining: () => boolean;
  readonly onRefused: (error: WireError) => void;
}

type Verdict = { outcome: "accepted"; claims: Claims } | { outcome: "refused"; error: WireError };
type Next = (refusal?: Error) => void;

/** What Socket.IO sends as `connect_error` (SPEC connect-3). */
class Refusal extends Error {
  readonly data: WireError;
  constructor(error: WireError) {
    super(error.message);
    this.data = error;
  }
}

/**
 * The namespace's middleware: who may connect (SPEC connect-2). The origin is checked here too, and not at the upgrade:
 * a browser shows its page no status of a refused upgrade, so the client would try for ever. CORS would not help at all,
 * since browsers do not apply it to WebSockets.
 */
export function createHandshake(deps: HandshakeDeps): (socket: EdgeSocket, next: Next) => void {
  return (socket, next) => void decide(deps, socket, next);
}

/** Never rejects. */
async function decide(deps: HandshakeDeps, socket: EdgeSocket, next: Next): Promise<void> {
  const verdict = await judge(deps, socket).catch(() => refused("internal"));
  if (verdict.outcome === "accepted") {
    socket.data.claims = verdict.claims;
    next();
    return;
  }
  deps.onRefused(verdict.error);
  next(new Refusal(verdict.error));
  // Once the refusal is on its way: an idle connection that may not be used is only a cost.
  setImmediate(() => socket.conn.close());
}

async function judge(deps: HandshakeDeps, socket: EdgeSocket): Promise<Verdict> {
  const { checkOrigin, verify, admit, isDraining } = deps;
  const { headers, socket: transport } = socket.request;
  const foreign = checkOrigin({ headers, remoteAddress: transport.remoteAddress });
  if (foreign !== undefined) return { outcome: "refused", error: foreign };
  const auth = authSchema.safeParse(socket.handshake.auth);
  if (!auth.success) {
    // SPEC version-1: the protocol is checked first, because the other members may be of that version.
    const isWrong = (member: string): boolean => auth.error.issues.some(({ path }) => path[0] === member);
    if (isWrong("protocol")) {
      return refused(
        "protocol_unsupported",
        `This edge speaks protocol version ${PROTOCOL_VERSION} (\`auth.protocol\`).`,
      );
    }
    // `unauthenticated` would make the client throw away a good token.
    if (isWrong("client") && !isWrong("token")) return refused("invalid", "`auth.client` is at most 100 characters.");
    return refused("unauthenticated", "`auth` is { token, protocol }.");
  }
  if (isDraining()) return refused("draining");
  const check = await verify(auth.data.token);
  if (check.outcome === "refused") return check;
  const error = await admit(check.claims);
  return error === undefined ? { outcome: "accepted", claims: check.claims } : { outcome: "refused", error };
}

function refused(code: WireError["code"], detail?: string): Verdict {
  return { outcome: "refused", error: wireError(code, detail) };
}
