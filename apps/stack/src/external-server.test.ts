import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer as createHttp2Server, type Http2Server } from "node:http2";
import { createServer, type Server } from "node:net";
import { Redis } from "ioredis";
import { afterEach, expect, test } from "vitest";
import { requireRedis, requireTemporal } from "./external-server.ts";
import { freePort } from "./ports.ts";
import { startTemporal, startValkey } from "./servers.ts";

const open: (Server | HttpServer | Http2Server)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listening(server: Server | HttpServer | Http2Server): Promise<string> {
  const port = await freePort();
  open.push(server);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return `127.0.0.1:${port}`;
}

const webServer = (): HttpServer =>
  createHttpServer((_request, response) => response.writeHead(404, { connection: "close" }).end("not here\n"));

/** A gRPC server that answers every call alike: with a status, or with a message. */
function grpcServer(answer: { status: number } | { message: Buffer }): Http2Server {
  const server = createHttp2Server();
  server.on("stream", (stream) => {
    const headers = { ":status": 200, "content-type": "application/grpc" };
    if ("status" in answer) {
      const status = { "grpc-status": `${answer.status}`, "grpc-message": "Request unauthorized." };
      stream.respond({ ...headers, ...status }, { endStream: true });
      return;
    }
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(answer.message.length, 1);
    stream.respond(headers, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.concat([prefix, answer.message]));
  });
  return server;
}

/** The field of GetSystemInfo's answer in which a server tells its release. */
const release = (version: string): Buffer => Buffer.concat([Buffer.from([0x0a, version.length]), Buffer.from(version)]);

interface Asked {
  namespace?: string;
  tls?: boolean;
  key?: string;
}

async function temporal(address: string, { namespace = "default", tls = false, key }: Asked = {}): Promise<string[]> {
  const warnings: string[] = [];
  const settings = {
    HOLDFAST_TEMPORAL_ADDRESS: address,
    HOLDFAST_TEMPORAL_NAMESPACE: namespace,
    HOLDFAST_TEMPORAL_TLS: tls,
    HOLDFAST_TEMPORAL_API_KEY: key,
  };
  await requireTemporal(settings, (line) => warnings.push(line));
  return warnings;
}

test("a Temporal that will do passes without a word; one without the namespace does not, and the sentence says what to do", async () => {
  const server = await startTemporal();
  expect(await temporal(server.address)).toEqual([]);
  const missing = temporal(server.address, { namespace: "acme-prod" });
  await expect(missing).rejects.toMatchObject({ code: "unusable_server" });
  await expect(missing).rejects.toThrow(
    `has no namespace "acme-prod": create it (temporal operator namespace create --namespace acme-prod --address ${server.address})`,
  );
  await expect(temporal(server.address, { tls: true })).rejects.toThrow(
    "does not speak TLS: unset HOLDFAST_TEMPORAL_TLS",
  );
  await server.stop();
});

test.for([
  [16, undefined, "wants an API key: set HOLDFAST_TEMPORAL_API_KEY"],
  [16, "wrong", "does not accept the key in HOLDFAST_TEMPORAL_API_KEY"],
  [7, undefined, 'does not let us use its namespace "default": set HOLDFAST_TEMPORAL_API_KEY'],
  [7, "small", "give the key in HOLDFAST_TEMPORAL_API_KEY the right to"],
  [12, undefined, "is no Temporal server"],
] as const)("a server that answers gRPC status %s to the key %s: %s", async ([status, key, sentence]) => {
  const address = await listening(grpcServer({ status }));
  await expect(temporal(address, key === undefined ? {} : { key })).rejects.toThrow(sentence);
});

test("a Temporal without fairness is used, with a warning", async () => {
  const warnings = await temporal(await listening(grpcServer({ message: release("1.28.1") })));
  expect(warnings).toEqual([expect.stringContaining("Temporal 1.28.1 is older than 1.29")]);
  expect(await temporal(await listening(grpcServer({ message: release("1.29.0") })))).toEqual([]);
});

test("what is no Temporal, or nothing at all", async () => {
  await expect(temporal(await listening(webServer()))).rejects.toThrow("is no Temporal server");
  await expect(temporal(await listening(createServer((socket) => socket.destroy())))).rejects.toThrow(
    "is no Temporal server",
  );
  const nothing = `127.0.0.1:${await freePort()}`;
  await expect(temporal(nothing)).rejects.toMatchObject({ code: "unreachable" });
  await expect(temporal(nothing)).rejects.toThrow(`Nothing answers at HOLDFAST_TEMPORAL_ADDRESS (${nothing})`);
});

test("a Valkey that will do, and every way one will not", async () => {
  const server = await startValkey();
  const owner = new Redis(server.url);
  await owner.config("SET", "requirepass", "hush");
  owner.disconnect();
  const at = `127.0.0.1:${server.port}`;
  await requireRedis(`redis://:hush@${at}`);
  const wrong = async (url: string, sentence: string): Promise<void> => {
    const failure = requireRedis(url);
    await expect(failure).rejects.toThrow(sentence);
    await expect(failure).rejects.not.toThrow(/hush|secret/);
  };
  await wrong(`redis://${at}`, "wants a password: write redis://:password@host:port");
  await wrong(`redis://:secret@${at}`, "does not accept the user or the password");
  await wrong(`rediss://:hush@${at}`, "does not speak TLS: write redis:// instead of rediss://");
  await wrong(`redis+cluster://:hush@${at}`, "is not part of a cluster: write redis://host:port");
  await server.stop();
});

test("a Valkey that is no sentinel, what is no Redis, and nothing at all", async () => {
  const server = await startValkey();
  await expect(requireRedis(`redis+sentinel://127.0.0.1:${server.port}/main`)).rejects.toThrow("is not a sentinel");
  await server.stop();
  await expect(requireRedis(`redis://${await listening(webServer())}`)).rejects.toThrow(
    "does not answer as a Redis does",
  );
  const [one, two] = [await freePort(), await freePort()];
  const failure = requireRedis(`redis+sentinel://ann:secret@127.0.0.1:${one},127.0.0.1:${two}/main`);
  await expect(failure).rejects.toThrow(`Nothing answers at HOLDFAST_REDIS_URL (127.0.0.1:${one}, 127.0.0.1:${two})`);
  await expect(failure).rejects.not.toThrow("secret");
});
