import { isBuiltin } from "node:module";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";
import { expect, test } from "vitest";

interface Bundle {
  builtins: string[];
  code: string;
}

/** Bundles an entry for the browser as an application's build would, nothing left out but React. */
async function bundle(entry: string): Promise<Bundle> {
  const builtins: string[] = [];
  const watch: Plugin = {
    name: "watch-builtins",
    enforce: "pre",
    resolveId(id, importer) {
      if (isBuiltin(id)) builtins.push(`${id} from ${importer}`);
    },
  };
  const built = await build({
    configFile: false,
    logLevel: "silent",
    plugins: [watch],
    build: {
      write: false,
      minify: true,
      rolldownOptions: {
        input: fileURLToPath(new URL(entry, import.meta.url)),
        preserveEntrySignatures: "strict",
        external: ["react"],
      },
    },
  });
  const outputs = Array.isArray(built) ? built : "output" in built ? [built] : [];
  const code = outputs.flatMap(({ output }) => output.map((file) => (file.type === "chunk" ? file.code : ""))).join("");
  return { builtins, code };
}

test("the client bundles for a browser without any Node built-in, within its size", async () => {
  const { builtins, code } = await bundle("../src/index.ts");
  expect(builtins).toEqual([]);
  // 55 KB when this was written, most of it zod, then Socket.IO. A dependency that adds a fifth should be noticed.
  expect(gzipSync(code).byteLength).toBeLessThan(66_000);
});

test("the React hooks bundle with React alone left out", async () => {
  const { builtins, code } = await bundle("../src/react.ts");
  expect(builtins).toEqual([]);
  expect([...code.matchAll(/from\s*"([^"]+)"/g)].map((match) => match[1])).toEqual(["react"]);
});
