import type { Server as HttpServer } from "node:http";
import { wireError } from "@holdfast/contract";
import { createLogger, type Logger } from "@holdfast/service/log";
import { createMetrics } from "@holdfast/service/metrics";
import { closeServer, listen, operationsApp } from "@holdfast/service/operations";
import { connectRedis, type RedisRole } from "@holdfast/service/redis";
import { connectTemporal } from "@holdfast/service/temporal";
import { createAdmission } from "./connect/admission.ts";
import { createHandshake } from "./connect/handshake.ts";
import { createIsProxy, createOriginCheck } from "./connect/origins.ts";
import { createSocketServer } from "./connect/socket-server.ts";
import { Sockets } from "./connect/sockets.ts";
import { createTokenVerifier } from "./connect/tokens.ts";
import { createUpgradeLimiter, SOCKET_PATH } from "./connect/upgrade-limiter.ts";
import type { EdgeConfig } from "./operate/config.ts";
import { drain } from "./operate/drain.ts";
import { FleetOrders } from "./operate/fleet-orders.ts";
import { EdgeMetrics } from "./operate/metrics.ts";
import { connectionsWithin, openFilesLimit, pendingWithin } from "./operate/open-files.ts";
import { operatorRoutes } from "./operate/operator-routes.ts";
import { createReadHistory } from "./read/history.ts";
import { createReading } from "./read/reading.ts";
import { Backlogs } from "./send/backlog.ts";
import { Coalescer } from "./send/coalescer.ts";
import { CommandPace, createRunCommand } from "./send/commands.ts";
import { Intake, NewSessions } from "./send/intake.ts";
import { createSignal, reportFailures } from "./send/signals.ts";
import { TemporalWatch } from "./temporal.ts";

export interface Edge {
  readonly log: Logger;
  /** http://host:port */
  readonly url: string;
  /** Drains, then releases everything. */
  stop(reason: string): Promise<void>;
}

/** How many UTF-16 code units may wait for one socket in this process before its connection is reset. */
const MAX_WAITING_LENGTH = 8 * 1024 * 1024;
/** Of the grace period; the rest is for closing what is left. */
const DRAIN_SHARE = 0.8;

/** Starts one node. Rejects with a sentence when its port is taken. */
export async function startEdge(config: EdgeConfig): Promise<Edge> {
  const log = createLogger("edge", config);
  const registry = createMetrics("edge");
  const metrics = new EdgeMetrics(registry, (error) => log.error({ err: error }, "a signal failed"));
  const connect = (role: RedisRole) => connectRedis(config.HOLDFAST_REDIS_URL, log, role);
  const redis = { commands: connect("commands"), subscriber: connect("subscriber"), fleet: connect("fleet") };
  const temporal = connectTemporal(config, "caller");
  const temporalWatch = new TemporalWatch(temporal, log);
  const verify = createTokenVerifier(config);
  const maxConnections = connectionsWithin(config.HOLDFAST_MAX_CONNECTIONS, openFilesLimit());
  if (maxConnections < config.HOLDFAST_MAX_CONNECTIONS) {
    log.warn(
      { maxConnections },
      "fewer connections than HOLDFAST_MAX_CONNECTIONS: raise the limit of open files (ulimit -n)",
    );
  }
  const signal = reportFailures(createSignal(temporal, config.HOLDFAST_LANE), log);
  const coalescer = new Coalescer(signal, metrics.coalescer);
  const backlogs = new Backlogs();
  const onStatus = (): void => sockets.emitStatus();
  const reading = createReading(config, { redis, temporal, metrics, log, backlogs, onStatus });
  const isDegraded = (): boolean => reading.watch.isDegraded;
  const intake = new Intake({
    coalescer,
    backlogs,
    newSessions: new NewSessions(config),
    readSnapshot: async (key, agent) => (await reading.snapshots.read(key, agent)).snapshot,
    metrics: metrics.intake,
  });
  const commandsPerSecond = config.HOLDFAST_COMMANDS_PER_SECOND;
  const sockets = new Sockets(
    {
      log,
      connection: {
        feeds: reading.feeds,
        reader: reading.readerDeps,
        intake,
        commandPace: new CommandPace({ burst: 2 * commandsPerSecond, perSecond: commandsPerSecond }),
        runCommand: createRunCommand(temporal, config.HOLDFAST_COMMAND_TIMEOUT_MS),
        readHistory: createReadHistory(temporal, config.HOLDFAST_SNAPSHOT_QUERIES),
        verify,
      },
      isDegraded: (sessions) => reading.watch.isGone || sessions.some((key) => reading.watch.isAway(key)),
      onRefused: (request, code) => metrics.requestRefused(request, code),
      onConnect: () => metrics.connected(),
      onDisconnect: (reason) => metrics.disconnected(reason),
    },
    {
      node: config.HOLDFAST_NODE_ID,
      limits: { logBytes: config.HOLDFAST_LOG_BYTES },
      writer: { slow: config.HOLDFAST_SLOW_SOCKET_BYTES, most: MAX_WAITING_LENGTH },
      connection: {
        agents: new Set(config.HOLDFAST_AGENTS),
        defaultAgent: config.HOLDFAST_DEFAULT_AGENT,
        requestsPerSecond: config.HOLDFAST_REQUESTS_PER_SECOND,
        commandsPerSecond,
      },
    },
  );

  const isProxy = createIsProxy(config.HOLDFAST_TRUSTED_PROXIES);
  let draining = false;
  const isDraining = (): boolean => draining;
  const { engine, io } = createSocketServer(
    config,
    { publisher: redis.commands, subscriber: redis.fleet },
    log,
    metrics.slowed,
  );
  const connections = (): number => engine.clientsCount;
  io.use(
    createHandshake({
      checkOrigin: createOriginCheck(config.HOLDFAST_ALLOWED_ORIGINS, isProxy),
      verify,
      admit: createAdmission(redis.commands, config, isDegraded),
      isDraining,
      onRefused: ({ code }) => metrics.refused(code),
    }),
  );
  io.on("connection", (socket) => sockets.attach(socket));
  metrics.watch({
    connections,
    feeds: () => reading.feeds.size,
    subscriptions: () => reading.follower.size,
    queues: () => coalescer.queues,
    depth: () => coalescer.depth,
    isHolding: () => coalescer.isHolding,
    outgoing: () => sockets.waitingBytes,
    mostOutgoing: () => sockets.mostWaitingBytes,
    isDegraded,
  });

  const app = operationsApp(registry, () => {
    if (draining) return "draining";
    if (connections() >= maxConnections) return "full";
    return temporalWatch.wasReached ? undefined : "Temporal has not been reached yet";
  });
  app.use(SOCKET_PATH, (_request, response) => {
    response.status(400).json({ error: wireError("invalid", "WebSocket is the only transport here.") });
  });
  const orders = new FleetOrders(io, log);
  if (config.HOLDFAST_OPERATOR_TOKEN !== undefined) {
    app.use(
      "/admin",
      operatorRoutes(config.HOLDFAST_OPERATOR_TOKEN, orders, () => !isDegraded()),
    );
  }

  await reading.watch.start();
  temporalWatch.start();
  const pending = pendingWithin(config.HOLDFAST_MAX_PENDING_CONNECTIONS, maxConnections, openFilesLimit());
  const server = await listen(app, config.HOLDFAST_HOST, config.HOLDFAST_PORT, {
    total: maxConnections + pending,
    pending,
    perAddress: config.HOLDFAST_MAX_CONNECTIONS_PER_ADDRESS,
    pendingPerAddress: Math.ceil(pending / 2),
    isExempt: isProxy,
    onRefused: () => metrics.refused("tcp"),
  });
  server.on(
    "upgrade",
    createUpgradeLimiter(config, {
      connections,
      maxConnections,
      isDraining,
      accept: (request, socket, head) => engine.handleUpgrade(request, socket, head),
      onRefused: (status) => metrics.refused(String(status)),
    }),
  );
  const url = `http://${config.HOLDFAST_HOST}:${portOf(server)}`;
  log.info({ url }, "the edge takes connections");

  const stop = async (reason: string): Promise<void> => {
    log.info({ reason, connections: connections() }, "draining");
    draining = true;
    await drain(sockets.all(), config.HOLDFAST_SHUTDOWN_GRACE_SECONDS * 1_000 * DRAIN_SHARE);
    coalescer.stop();
    reading.watch.stop();
    temporalWatch.stop();
    await io.close();
    await closeServer(server);
    // Before the feeds, which would otherwise unsubscribe one by one, and wait where Redis hangs.
    for (const connection of Object.values(redis)) connection.disconnect();
    await reading.feeds.close();
    await temporal.connection.close();
    log.info("stopped");
  };
  return { log, url, stop };
}

function portOf(server: HttpServer): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
