import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Bundles kept: of this state of the sources and a few before, for who goes back and forth. */
const KEPT = 4;
const DIGEST_LENGTH = 64;

/** Finished workflow bundles of one source tree, by what they were made of (`bundleKey`). */
export class BundleStore {
  readonly #folder: string;

  constructor(root: string) {
    this.#folder = join(root, ".holdfast", "bundles");
  }

  /** Undefined where there is none, or not as it was written. */
  async read(key: string): Promise<string | undefined> {
    const text = await readFile(this.#file(key), "utf8").catch(() => "");
    const code = text.slice(0, -DIGEST_LENGTH);
    return text.length > DIGEST_LENGTH && text.endsWith(digestOf(code)) ? code : undefined;
  }

  /** Whoever reads meanwhile finds the whole of it or nothing. Rejects where the folder cannot be written. */
  async write(key: string, code: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const draft = join(this.#folder, `${randomUUID()}.draft`);
    try {
      await writeFile(draft, code + digestOf(code));
      await rename(draft, this.#file(key));
    } finally {
      await rm(draft, { force: true });
    }
    await this.#sweep();
  }

  /** Drafts of processes that were killed grow old like everything else here. */
  async #sweep(): Promise<void> {
    const paths = (await readdir(this.#folder)).map((name) => join(this.#folder, name));
    const files = await Promise.all(paths.map(async (path) => ({ path, at: await writtenAt(path) })));
    const old = files.toSorted((a, b) => b.at - a.at).slice(KEPT);
    await Promise.all(old.map(({ path }) => rm(path, { force: true })));
  }

  #file(key: string): string {
    return join(this.#folder, `${key}.js`);
  }
}

/** Unix milliseconds; 0 for what somebody else has just removed. */
async function writtenAt(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

function digestOf(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}
