import { join, resolve } from "node:path";

/** The repository's root folder. */
export const ROOT = resolve(import.meta.dirname, "../../..");

/** Everything the local stack writes lives under here; deleting it starts from nothing. */
export const DATA_DIR = resolve(ROOT, process.env["HOLDFAST_DATA_DIR"] || ".holdfast");

/** Provisioned binaries, one folder per name and version. Shared by every data folder. */
export const BIN_DIR = join(ROOT, ".holdfast", "bin");
