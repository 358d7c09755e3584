import type { RequestHandler } from "express";
import helmet from "helmet";

/** The page runs its own files only, and talks to this server and the edges only. */
export function securityHeaders(edges: string[]): RequestHandler {
  const sockets = edges.map((edge) => new URL(edge).origin.replace(/^http/, "ws"));
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'", ...sockets],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // On a laptop this is plain HTTP; whoever terminates TLS in front of it sets this.
    strictTransportSecurity: false,
  });
}
