import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { build } from "vite";

export interface PageServer {
  url: string;
  stop(): Promise<void>;
}

/** Bundles the test page as an application's build would and serves it from a port of its own. */
export async function servePage(): Promise<PageServer> {
  const built = await build({
    configFile: false,
    root: fileURLToPath(new URL("page", import.meta.url)),
    logLevel: "silent",
    plugins: [react()],
    build: { write: false },
  });
  const outputs = Array.isArray(built) ? built : "output" in built ? [built] : [];
  const files = new Map<string, string | Uint8Array>();
  for (const { output } of outputs) {
    for (const file of output) files.set(`/${file.fileName}`, file.type === "chunk" ? file.code : file.source);
  }
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://page").pathname;
    const body = files.get(path === "/" ? "/index.html" : path);
    response.setHeader("content-type", path.endsWith(".js") ? "text/javascript" : "text/html");
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
