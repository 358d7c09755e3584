interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** As ioredis takes them; the data nodes', and the same on all of them. */
interface RedisCredentials {
  readonly username?: string;
  readonly password?: string;
}

export type RedisAddress =
  | { readonly kind: "single"; readonly url: string }
  | {
      readonly kind: "sentinel";
      readonly sentinels: RedisHost[];
      readonly name: string;
      readonly credentials: RedisCredentials;
    }
  | { readonly kind: "cluster"; readonly nodes: RedisHost[]; readonly credentials: RedisCredentials };

const LIST = /^redis\+(?<kind>sentinel|cluster):\/\/(?:(?<user>[^@/]*)@)?(?<hosts>[^@/]+)(?:\/(?<name>[^/?#]*))?$/;

/** What a URL of `redisConfigShape` names; undefined for one that is none. Credentials stand once, before the first host. */
export function redisAddressOf(url: string): RedisAddress | undefined {
  if (/^rediss?:\/\//.test(url)) return URL.canParse(url) ? { kind: "single", url } : undefined;
  const { kind, user, hosts = "", name = "" } = LIST.exec(url)?.groups ?? {};
  const credentials = credentialsOf(user);
  if (credentials === undefined) return undefined;
  if (kind === "sentinel") {
    const sentinels = hostsOf(hosts, 26_379);
    return sentinels && { kind, sentinels, name: name === "" ? "mymaster" : name, credentials };
  }
  if (kind !== "cluster" || name !== "") return undefined;
  const nodes = hostsOf(hosts, 6_379);
  return nodes && { kind, nodes, credentials };
}

function credentialsOf(user: string | undefined): RedisCredentials | undefined {
  if (user === undefined) return {};
  const colon = user.indexOf(":");
  // ioredis takes a name without a password for no credentials at all.
  if (colon < 0 || colon === user.length - 1) return undefined;
  try {
    const username = decodeURIComponent(user.slice(0, colon));
    const password = decodeURIComponent(user.slice(colon + 1));
    return username === "" ? { password } : { username, password };
  } catch {
    return undefined;
  }
}

function hostsOf(text: string, defaultPort: number): RedisHost[] | undefined {
  const hosts = text.split(",").flatMap((item) => hostOf(item.trim(), defaultPort) ?? []);
  return hosts.length === text.split(",").length ? hosts : undefined;
}

function hostOf(text: string, defaultPort: number): RedisHost | undefined {
  const url = URL.parse(`redis://${text}`);
  if (url === null || url.hostname === "" || url.search !== "" || url.hash !== "") return undefined;
  // An IPv6 address stands in brackets where a port may follow, and nowhere else.
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: url.port === "" ? defaultPort : Number(url.port) };
}
