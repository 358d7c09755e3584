import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A process of `main` that says "up" when started and "stopped: <reason>" when stopped. */
function run(env: Record<string, string>, start = ""): ChildProcess {
  const code = `
    import { main } from ${JSON.stringify(at("main.ts"))};
    import { ConfigError } from ${JSON.stringify(at("config.ts"))};
    await main(async () => {
      ${start}
      setInterval(() => {}, 1000);
      return { log: console, stop: async (reason) => console.log("stopped: " + reason) };
    });
    console.log("up");`;
  return spawn(process.execPath, ["--input-type=module-typescript", "-e", code], { env: { ...process.env, ...env } });
}

async function output(
  child: ChildProcess,
  after: (text: string) => void,
): Promise<{ code: number | null; text: string }> {
  let text = "";
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
    after(text);
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

test("SIGTERM stops a process once and it exits 0", async () => {
  const child = run({});
  const { code, text } = await output(
    child,
    (seen) => seen.includes("up") && !seen.includes("stopped") && child.kill("SIGTERM"),
  );
  expect({ code, text }).toEqual({ code: 0, text: "up\nstopped: SIGTERM\n" });
});

test("a supervised process stops when its supervisor is gone, so a crash leaves nothing running", async () => {
  const child = run({ HOLDFAST_SUPERVISED: "1" });
  const { code, text } = await output(child, (seen) => seen.includes("up") && child.stdin?.end());
  expect({ code, text }).toEqual({ code: 0, text: "up\nstopped: supervisor gone\n" });
});

test("a wrong configuration is told in its own words, without a stack, and exits 2", async () => {
  const child = run({}, `throw new ConfigError("HOLDFAST_PORT: not a number");`);
  expect(await output(child, () => undefined)).toEqual({ code: 2, text: "HOLDFAST_PORT: not a number\n" });
});
