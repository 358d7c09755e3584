import { glob, readFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What a folder's own code (its tests aside) may import. */
interface Boundary {
  /** Packages of this repository, by name without the scope. */
  holdfast: string[];
  /** Those it may name in `import type` only. */
  typesOnly?: string[];
  /** Packages of the Temporal SDK, by name without the scope. */
  temporal: string[];
  /** Other packages, where the folder is bound to a list: it runs in browsers or in the workflow sandbox. */
  packages?: string[];
  /** Whether it may use Node's own modules. */
  node: boolean;
}

/** The one direction data flows, as imports: nothing may reach back towards the client or around a layer. */
const BOUNDARIES: Record<string, Boundary> = {
  "packages/contract": { holdfast: [], temporal: [], packages: ["zod", "rfc6902"], node: false },
  "packages/internal": { holdfast: ["contract"], temporal: [], packages: ["zod"], node: false },
  "packages/service": { holdfast: [], temporal: ["client"], node: true },
  "packages/worker": { holdfast: ["service"], temporal: ["worker"], node: true },
  "packages/session-log": {
    holdfast: ["contract", "internal"],
    temporal: [],
    packages: ["ioredis", "cluster-key-slot"],
    node: true,
  },
  "packages/client": {
    holdfast: ["contract"],
    temporal: [],
    packages: ["zod", "socket.io-client", "idb-keyval", "fast-deep-equal", "react"],
    node: false,
  },
  "apps/edge": { holdfast: ["contract", "internal", "service", "session-log"], temporal: ["client"], node: true },
  workflows: {
    holdfast: ["contract", "internal"],
    typesOnly: ["activities"],
    temporal: ["workflow"],
    packages: ["rfc6902"],
    node: false,
  },
  activities: { holdfast: ["contract", "internal", "session-log"], temporal: ["activity", "client"], node: true },
  "apps/orchestrator": {
    holdfast: ["contract", "internal", "service", "worker", "session-log", "workflows", "activities"],
    temporal: ["worker", "client"],
    node: true,
  },
  "apps/inference": {
    holdfast: ["contract", "internal", "service", "worker", "session-log", "activities"],
    temporal: ["worker", "client"],
    node: true,
  },
  "apps/console": { holdfast: ["service"], temporal: [], node: true },
  "apps/web": { holdfast: ["contract", "service", "client"], typesOnly: ["workflows"], temporal: [], node: true },
};

interface Import {
  file: string;
  specifier: string;
  typeOnly: boolean;
}

const IMPORT = /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm;

function importsOf(file: string, source: string): Import[] {
  return [...source.matchAll(IMPORT)].map((match) => ({
    file,
    specifier: match[2] ?? match[3] ?? "",
    typeOnly: match[1] !== undefined,
  }));
}

async function readImports(folder: string): Promise<Import[]> {
  const imports: Import[] = [];
  for await (const file of glob(`${folder}/**/*.{ts,tsx}`, {
    cwd: ROOT,
    exclude: ["**/node_modules/**", "**/dist/**"],
  })) {
    if (/\.test\.tsx?$|\/(test|testing)\//.test(file)) continue;
    imports.push(...importsOf(file, await readFile(resolve(ROOT, file), "utf8")));
  }
  return imports;
}

function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Why an import breaks its folder's boundary, or undefined. */
function breach(folder: string, boundary: Boundary, { file, specifier, typeOnly }: Import): string | undefined {
  if (specifier.startsWith(".")) {
    const target = relative(ROOT, resolve(ROOT, dirname(file), specifier));
    return target.startsWith(`${folder}/`) ? undefined : "leaves its folder by a relative path";
  }
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
    return boundary.node ? undefined : "must not use Node's modules";
  }
  const name = packageName(specifier);
  const [scope, inner = ""] = name.split("/");
  if (scope === "@holdfast") {
    if (boundary.holdfast.includes(inner)) return undefined;
    if (boundary.typesOnly?.includes(inner)) return typeOnly ? undefined : "may be imported as types only";
    return "is not among the packages this folder may import";
  }
  if (scope === "@temporalio")
    return boundary.temporal.includes(inner) ? undefined : "is not this folder's side of Temporal";
  if (boundary.packages !== undefined && !boundary.packages.includes(name))
    return "is not among this folder's packages";
  return undefined;
}

test.for(Object.entries(BOUNDARIES))("imports go in the one direction data flows: %s", async ([folder, boundary]) => {
  const breaches = (await readImports(folder)).flatMap((entry) => {
    const why = breach(folder, boundary, entry);
    return why === undefined ? [] : [`${entry.file}: "${entry.specifier}" ${why}`];
  });
  expect(breaches).toEqual([]);
});

test("the import rule sees every form of import, and refuses what it must", () => {
  const source = [
    'import { a } from "@holdfast/session-log";',
    'import type {\n  B,\n} from "@holdfast/activities/respond";',
    'export * from "../../edge/src/read/feed.ts";',
    'const later = await import("node:fs");',
  ].join("\n");
  const boundary = BOUNDARIES["workflows"];
  if (boundary === undefined) throw new Error("workflows has no boundary");
  const found = importsOf("workflows/src/x.ts", source).map((entry) => breach("workflows", boundary, entry));
  expect(found).toEqual([
    "is not among the packages this folder may import",
    undefined,
    "leaves its folder by a relative path",
    "must not use Node's modules",
  ]);
});

test("every package and app has a boundary, but for the one that starts them all", async () => {
  const folders: string[] = [];
  for await (const manifest of glob("{packages,apps}/*/package.json", { cwd: ROOT })) folders.push(dirname(manifest));
  const unbounded = folders.filter((folder) => !(folder in BOUNDARIES));
  expect(unbounded).toEqual(["apps/stack"]);
});
