import type { RequestHandler } from "express";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Guards the development routes, which give tokens away and kill processes. Refuses with 403
 * - a name for this server that is neither loopback nor configured: a hostile page can point a name of its own at
 *   127.0.0.1 (DNS rebinding), and would then count as same-origin;
 * - a POST from another site: browsers put `Origin` on every POST, so a request without one is not a browser's.
 */
export function trustedRequest(origins: string[]): RequestHandler {
  const names = new Set(origins.map((origin) => new URL(origin).host));
  return (request, response, next) => {
    const host = request.headers.host ?? "";
    if (!LOOPBACK.has(host.replace(/:\d+$/, "")) && !names.has(host)) {
      response
        .status(403)
        .json({ error: `This server does not answer to ${host}: add its origin to HOLDFAST_WEB_ORIGINS.` });
      return;
    }
    const origin = request.headers.origin;
    if (request.method !== "GET" && origin !== undefined && hostOf(origin) !== host) {
      response.status(403).json({ error: `Requests from ${origin} are refused: use the page this server serves.` });
      return;
    }
    next();
  };
}

/** `undefined` for `Origin: null` (a sandboxed frame, a file) and anything else that is no URL. */
function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
