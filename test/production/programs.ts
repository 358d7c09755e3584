import { access, constants, readdir, realpath } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { findTemporal } from "@holdfast/stack/provision";
import { StackError } from "@holdfast/stack/stack-error";
import { execa } from "execa";

/** Where Debian puts every version's own folder. The newest is taken. */
const DEBIAN = "/usr/lib/postgresql";

/** The programs of a production Temporal on PostgreSQL. Nothing here downloads or builds them. */
export interface Programs {
  /** Folder of `postgres`, `initdb` and `pg_isready`. */
  readonly postgres: string;
  readonly temporalServer: string;
  readonly temporalSqlTool: string;
  /** The CLI, which creates the namespace. */
  readonly temporalCli: string;
  /** Whose process PostgreSQL is: it refuses to be root's. Undefined: ours. */
  readonly user: ProcessUser | undefined;
  /** As the programs themselves tell it. */
  readonly versions: { readonly postgres: string; readonly temporal: string };
}

export interface ProcessUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Throws one `StackError` that names everything that is missing, and what to do about it. */
export async function findPrograms(env: NodeJS.ProcessEnv = process.env): Promise<Programs> {
  const missing: string[] = [];
  const orMissing = async <T>(found: Promise<T | undefined>, sentence: string): Promise<T | undefined> => {
    const it = await found;
    if (it === undefined) missing.push(sentence);
    return it;
  };
  const [postgres, temporalServer, temporalSqlTool, owner] = [
    await orMissing(
      postgresFolder(env),
      "PostgreSQL's server (postgres, initdb and pg_isready in one folder): install it, or name the folder in HOLDFAST_POSTGRES_BIN.",
    ),
    await orMissing(
      program("temporal-server", env["HOLDFAST_TEMPORAL_SERVER"], env),
      "The Temporal server: put it on PATH as temporal-server, or name it in HOLDFAST_TEMPORAL_SERVER.",
    ),
    await orMissing(
      program("temporal-sql-tool", env["HOLDFAST_TEMPORAL_SQL_TOOL"], env),
      "Temporal's schema tool: put it on PATH as temporal-sql-tool, or name it in HOLDFAST_TEMPORAL_SQL_TOOL.",
    ),
    await orMissing(
      postgresOwner(),
      "A user for PostgreSQL, which refuses to run as root: create one named postgres, or run this as somebody else.",
    ),
  ];
  if (postgres === undefined || temporalServer === undefined || temporalSqlTool === undefined || owner === undefined) {
    const list = missing.map((sentence) => `- ${sentence}`).join("\n");
    throw new StackError("no_binary", `Missing on this machine:\n${list}\nCONTRIBUTING.md says how to have them.`);
  }
  return {
    postgres,
    temporalServer,
    temporalSqlTool,
    temporalCli: await findTemporal(),
    user: owner === "ourselves" ? undefined : owner,
    versions: {
      postgres: await versionOf(join(postgres, "postgres")),
      temporal: await versionOf(temporalServer),
    },
  };
}

/** What is on PATH may be a link into the folder that has the other programs too. */
async function postgresFolder(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = env["HOLDFAST_POSTGRES_BIN"];
  const onPath = await program("postgres", undefined, env);
  const debian = (await readdir(DEBIAN).catch(() => [])).toSorted((a, b) => Number(b) - Number(a));
  const folders = named
    ? [named]
    : [
        ...(onPath === undefined ? [] : [dirname(await realpath(onPath))]),
        ...debian.map((version) => join(DEBIAN, version, "bin")),
      ];
  for (const folder of folders) {
    const needed = ["postgres", "initdb", "pg_isready"].map((name) => isExecutable(join(folder, name)));
    if ((await Promise.all(needed)).every(Boolean)) return folder;
  }
  return undefined;
}

/** The one that is named, and no other; without a name the first on PATH. */
async function program(name: string, named: string | undefined, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const paths = named ? [named] : folders.map((folder) => join(folder, name));
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function postgresOwner(): Promise<ProcessUser | "ourselves" | undefined> {
  if (process.getuid?.() !== 0) return "ourselves";
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = [await idOf("-u", name), await idOf("-g", name)];
    if (uid !== undefined && gid !== undefined) return { name, uid, gid };
  }
  return undefined;
}

async function idOf(which: "-u" | "-g", name: string): Promise<number | undefined> {
  const { stdout, failed } = await execa("id", [which, name], { reject: false });
  return failed ? undefined : Number(stdout);
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await execa(path, ["--version"], { reject: false });
  return stdout.trim();
}
