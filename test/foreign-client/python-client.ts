import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { waitForLock } from "@holdfast/stack/lock";
import { BIN_DIR } from "@holdfast/stack/paths";
import { execa } from "execa";

const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");

/**
 * Runs one of this folder's scripts with what `requirements.txt` names, which the first run has pip put beside the
 * downloaded servers. The person's own pip configuration applies. Returns what the script prints.
 */
export async function runPython(script: string, given: object): Promise<unknown> {
  const { python, packages } = await provisionPackages();
  const env = { PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: "1" };
  const { stdout } = await execa(python, [join(import.meta.dirname, script)], { input: JSON.stringify(given), env });
  return JSON.parse(stdout);
}

async function provisionPackages(): Promise<{ python: string; packages: string }> {
  const python = process.env["HOLDFAST_PYTHON"] ?? "python3";
  const digest = createHash("sha256")
    .update(await readFile(REQUIREMENTS))
    .digest("hex");
  const packages = join(BIN_DIR, `foreign-client-${digest.slice(0, 12)}`);
  const release = await waitForLock(join(BIN_DIR, "foreign-client.lock"), () => {});
  try {
    if (!(await exists(packages))) await install(python, packages);
  } finally {
    release();
  }
  return { python, packages };
}

/** By a rename, so that a folder which is there is whole. An operating system's Python may come without pip; a venv has one. */
async function install(python: string, packages: string): Promise<void> {
  await mkdir(BIN_DIR, { recursive: true });
  const scratch = await mkdtemp(join(BIN_DIR, `.tmp-${process.pid}-`));
  try {
    const hasPip = !(await execa(python, ["-m", "pip", "--version"], { reject: false })).failed;
    if (!hasPip) await execa(python, ["-m", "venv", join(scratch, "venv")]);
    const installer = hasPip ? python : join(scratch, "venv", "bin", "python");
    const target = join(scratch, "packages");
    const switches = [
      "--require-hashes",
      "--only-binary=:all:",
      "--disable-pip-version-check",
      "--no-input",
      "--quiet",
    ];
    await execa(installer, ["-m", "pip", "install", ...switches, "--target", target, "-r", REQUIREMENTS]);
    await rename(target, packages);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
