import { z } from "zod";

const childSchema = z.object({
  name: z.string(),
  pid: z.number().nullable(),
  /** `waiting`: ended, and about to be started again. */
  state: z.enum(["starting", "ready", "waiting", "stopped"]),
  restarts: z.number(),
});
/** A process of the stack, as its supervisor sees it. */
export type Child = z.infer<typeof childSchema>;

export async function fetchChildren(): Promise<Child[]> {
  const response = await fetch("/dev/children");
  if (!response.ok) throw new Error(`The supervisor cannot be asked (${response.status}).`);
  return z.array(childSchema).parse(await response.json());
}

/** Kills a process with SIGKILL: it gets no chance to say goodbye. */
export async function killChild(name: string): Promise<void> {
  const response = await fetch(`/dev/children/${encodeURIComponent(name)}/kill`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ signal: "SIGKILL" }),
  });
  if (!response.ok) throw new Error(`${name} could not be killed (${response.status}): ${await response.text()}`);
}
