import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { requireReachable } from "./external-server.ts";
import { freePort } from "./ports.ts";

let server: Server;
let open: number;
let closed: number;
beforeEach(async () => {
  [open, closed] = [await freePort(), await freePort()];
  server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(open, "127.0.0.1", resolve));
});
afterEach(() => void server.close());

test.for([
  "127.0.0.1:OPEN",
  "redis://user:secret@127.0.0.1:OPEN/0",
  "redis+sentinel://127.0.0.1:CLOSED,127.0.0.1:OPEN/main",
])("%s is reachable", async (address) => {
  await requireReachable("HOLDFAST_X", address.replace("OPEN", `${open}`).replace("CLOSED", `${closed}`));
});

test("nothing there: the sentence names the variable and the address, not the password", async () => {
  const failure = requireReachable("HOLDFAST_REDIS_URL", `redis://user:secret@127.0.0.1:${closed}`);
  await expect(failure).rejects.toMatchObject({ code: "unreachable" });
  await expect(failure).rejects.toThrow(`Nothing answers at HOLDFAST_REDIS_URL (127.0.0.1:${closed})`);
  await expect(failure).rejects.not.toThrow("secret");
});
