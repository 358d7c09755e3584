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
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** As the programs themselves tell it. */
  readonly versions: { readonly postgres: string; readonly temporal: string };
}

/** Throws one `StackError` that names everything that is missing, and what to do about it. */
export async function findPrograms(): Promise<Programs> {
  const postgres = await postgresFolder();
  const temporalServer = await program("temporal-server", process.env["HOLDFAST_TEMPORAL_SERVER"]);
  const temporalSqlTool = await program("temporal-sql-tool", process.env["HOLDFAST_TEMPORAL_SQL_TOOL"]);
  const owner = await postgresOwner();
  if (postgres === undefined || temporalServer === undefined || temporalSqlTool === undefined || owner === undefined) {
    const missing = [
      postgres === undefined &&
        "PostgreSQL's server (postgres, initdb and pg_isready in one folder): install it, or name the folder in HOLDFAST_POSTGRES_BIN.",
      temporalServer === undefined &&
        "The Temporal server: put it on PATH as temporal-server, or name it in HOLDFAST_TEMPORAL_SERVER.",
      temporalSqlTool === undefined &&
        "Temporal's schema tool: put it on PATH as temporal-sql-tool, or name it in HOLDFAST_TEMPORAL_SQL_TOOL.",
      owner === undefined &&
        "A user for PostgreSQL, which refuses to run as root: create one named postgres, or run this as somebody else.",
    ];
    const list = missing.filter((sentence) => sentence !== false).map((sentence) => `- ${sentence}`);
    throw new StackError(
      "no_binary",
      `Missing on this machine:\n${list.join("\n")}\nCONTRIBUTING.md says how to have them.`,
    );
  }
  return {
    postgres,
    temporalServer,
    temporalSqlTool,
    temporalCli: await findTemporal(),
    user: owner === "ourselves" ? undefined : owner,
    versions: { postgres: await versionOf(join(postgres, "postgres")), temporal: await versionOf(temporalServer) },
  };
}

/** What is on PATH may be a link into the folder that has the other programs too. */
async function postgresFolder(): Promise<string | undefined> {
  const named = process.env["HOLDFAST_POSTGRES_BIN"];
  const onPath = await program("postgres", undefined);
  const debian = (await readdir(DEBIAN).catch(() => [])).toSorted((a, b) => Number(b) - Number(a));
  const folders = debian.map((version) => join(DEBIAN, version, "bin"));
  if (onPath !== undefined) folders.unshift(dirname(await realpath(onPath)));
  for (const folder of named ? [named] : folders) {
    const needed = ["postgres", "initdb", "pg_isready"].map((name) => isExecutable(join(folder, name)));
    if ((await Promise.all(needed)).every(Boolean)) return folder;
  }
  return undefined;
}

/** The one that is named, and no other; without a name the first on PATH. */
async function program(name: string, named: string | undefined): Promise<string | undefined> {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
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

async function postgresOwner(): Promise<NonNullable<Programs["user"]> | "ourselves" | undefined> {
  if (process.getuid?.() !== 0) return "ourselves";
  for (const name of ["postgres", "nobody"]) {
    const ids = await Promise.all(["-u", "-g"].map((which) => execa("id", [which, name], { reject: false })));
    const [uid, gid] = ids.map(({ stdout, failed }) => (failed ? undefined : Number(stdout)));
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  return undefined;
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await execa(path, ["--version"], { reject: false });
  return stdout.trim();
}
