import { join } from "node:path";
import { execa } from "execa";
import { StackError } from "../stack-error.ts";
import type { Tool } from "./wheels.ts";

/**
 * A Python that can run pip. An operating system's Python may come without pip: a throw-away environment in `scratch`
 * has one. The person's own pip configuration (index, proxy, certificates) applies in both cases.
 */
export async function findPython(tool: Tool, scratch: string): Promise<string> {
  const candidates = process.env["HOLDFAST_PYTHON"] ? [process.env["HOLDFAST_PYTHON"]] : ["python3", "python"];
  for (const python of candidates) {
    const version = await execa(python, ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"], { reject: false });
    if (version.failed) continue;
    const pip = await execa(python, ["-m", "pip", "--version"], { reject: false });
    if (!pip.failed) return python;
    const environment = join(scratch, "venv");
    const venv = await execa(python, ["-m", "venv", environment], { reject: false });
    if (!venv.failed) return join(environment, "bin", "python");
    throw new StackError(
      "no_python",
      `${python} has neither pip nor a working venv module, so ${tool.distribution} cannot be downloaded. ` +
        `Install python3-venv (Debian, Ubuntu) or pip, or ${alternatives(tool)}.`,
    );
  }
  throw new StackError(
    "no_python",
    `Python 3.8 or later was not found; it is used once, to download ${tool.distribution}. ` +
      `Install Python 3, or ${alternatives(tool)}.`,
  );
}

/** How to do without the download, as the end of a sentence. */
export function alternatives(tool: Tool): string {
  return (
    `put ${tool.executables.join(" or ")} on PATH, or name it in ${tool.binaryVariable}, ` +
    `or use a running server by setting ${tool.addressVariable}`
  );
}
