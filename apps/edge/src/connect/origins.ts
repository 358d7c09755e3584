import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { wireError, type WireError } from "@holdfast/contract";
import { z } from "zod";

/** The members of a request by which its origin is judged. */
export interface OriginRequest {
  readonly headers: IncomingHttpHeaders;
  /** Address of the TCP connection's other end: the client or a proxy. */
  readonly remoteAddress: string | undefined;
}

/** Why a request is refused for its origin, if it is. */
export type OriginCheck = (request: OriginRequest) => WireError | undefined;

/** Whether an address is one of the proxies in front of this edge. */
export type IsProxy = (address: string | undefined) => boolean;

/**
 * One entry of HOLDFAST_ALLOWED_ORIGINS: `*`, `null`, or an origin as browsers send it. An entry with an upper-case host, a
 * default port or a slash at its end would match nothing, so it is brought to that form; a wildcard within a host is refused
 * for the same reason.
 */
export const originSchema = z.string().transform((text, context) => {
  if (text === "*" || text === "null") return text;
  const url = URL.parse(text);
  const isBare = url !== null && /^\/?$/.test(url.pathname) && url.search === "" && url.hash === "";
  if (isBare && !url.host.includes("*") && (url.host !== "" || url.protocol === "file:")) return serialized(url);
  const message =
    "an origin is scheme://host or scheme://host:port, `null` for pages that have none, or `*` alone for every page";
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

/** One entry of HOLDFAST_TRUSTED_PROXIES: an address, or a range of them. */
export const proxySchema = z.string().refine((text) => {
  const [address = "", bits, ...more] = text.split("/");
  const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
  return more.length === 0 && most > 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
}, "a proxy is an address or a range of them, as 10.0.0.7, 10.0.0.0/8 or fd00::/8");

export function createIsProxy(proxies: readonly string[]): IsProxy {
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = "", bits] = proxy.split("/");
    const family = isIPv4(address) ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  // An IPv4 address in IPv6 form (`::ffff:…`) is found among the IPv4 ranges.
  return (address) => address !== undefined && list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

/**
 * SPEC connect-7. Three kinds of request are served: without an origin, with a configured origin, and with the origin of the
 * edge's own host. The last kind comes from clients that are no browser, and from pages that the edge's own operator serves. The Host
 * header is the sender's word, but that does no harm: a browser writes it itself, and any other client could leave the origin out. A
 * page that rebinds its own name to the edge's address passes, too. It has no token, and a browser never adds one by itself.
 */
export function createOriginCheck(allowed: readonly string[], isProxy: IsProxy): OriginCheck {
  const isAllowed = new Set(allowed);
  return ({ headers, remoteAddress }) => {
    const { origin } = headers;
    // No browser sends an empty one.
    if (origin === undefined || origin === "" || isAllowed.has("*")) return undefined;
    const url = parseOrigin(origin);
    if (isAllowed.has(url === undefined ? origin : serialized(url))) return undefined;
    const hosts = ownHosts(headers, isProxy(remoteAddress));
    if (url !== undefined && hosts.some((host) => isOwn(url, host))) return undefined;
    return refusalOf(origin, url, hosts);
  };
}

/** Browsers send `file:` and the schemes of apps, for which `URL` knows no origin. `ws:` and `wss:` stand for their server's `http:`, `https:`. */
function serialized(url: URL): string {
  if (url.origin === "null") return `${url.protocol}//${url.host}`;
  return url.origin.replace(/^ws/, "http");
}

/** Clients that are no browser send their server's whole address, whose path is no part of an origin. */
function parseOrigin(text: string): URL | undefined {
  const url = URL.parse(withoutZone(text));
  // In `https://a@b` the part before the @ only looks like a host.
  return url === null || !text.includes("://") || url.username !== "" || url.password !== "" ? undefined : url;
}

/** The hosts the request was sent to: by its own `Host` header, and by the first proxy's word. */
function ownHosts(headers: IncomingHttpHeaders, isProxied: boolean): URL[] {
  const names = [headers.host];
  if (isProxied) {
    names.push(firstOf(headers["x-forwarded-host"]));
    names.push(/(?:^|;)\s*host="?([^";]+)/i.exec(firstOf(headers.forwarded) ?? "")?.[1]);
  }
  return names.flatMap((name) => {
    const url = name === undefined ? null : URL.parse(`http://${withoutZone(name.trim())}`);
    return url === null || url.username !== "" ? [] : [url];
  });
}

/** Each proxy adds its word behind those before it. */
function firstOf(header: string | string[] | undefined): string | undefined {
  return (Array.isArray(header) ? header[0] : header)?.split(",")[0];
}

/** `[fe80::1%eth0]`: the zone names a network of the client, and is no part of the host's name. */
function withoutZone(text: string): string {
  return text.replace(/%[^\]/]*\]/, "]");
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "ws:": "80", "https:": "443", "wss:": "443" };

/** A Host without a port means the default one of a scheme that only the proxy which ended TLS knows. */
function isOwn(origin: URL, host: URL): boolean {
  const standard = DEFAULT_PORTS[origin.protocol];
  if (standard === undefined || bare(origin.hostname) !== bare(host.hostname)) return false;
  const port = origin.port === "" ? standard : origin.port;
  return host.port === "" ? port === "80" || port === "443" : port === host.port;
}

/** The root's dot at the end of a name changes nothing. */
function bare(hostname: string): string {
  return hostname.replace(/\.$/, "");
}

/** How much of a header is quoted: it may be 16 KiB. */
const QUOTED = 200;

function refusalOf(origin: string, url: URL | undefined, hosts: readonly URL[]): WireError {
  if (origin === "null") {
    return wireError(
      "origin_refused",
      "The page has no origin of its own (`Origin: null`): it is a file, or in a sandboxed frame. Serve it by HTTP, or name `null`.",
    );
  }
  const quoted = origin.slice(0, QUOTED);
  if (url === undefined) {
    return wireError(
      "origin_refused",
      `\`Origin: ${quoted}\` is no origin (scheme://host:port). Who is no browser may leave the header out.`,
    );
  }
  const reached = hosts.map(({ host }) => host).join(", ");
  return wireError(
    "origin_refused",
    `The origin is ${serialized(url).slice(0, QUOTED)}, and the edge was reached as ${reached.slice(0, QUOTED) || "nothing"}: ` +
      "if a proxy changed that name, set HOLDFAST_TRUSTED_PROXIES.",
  );
}
