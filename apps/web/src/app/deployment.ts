import { z } from "zod";

const deploymentSchema = z.object({
  /** The edges' addresses. */
  edges: z.array(z.string()).min(1),
  /** Whether this server gives out development tokens: without them the page cannot sign anybody in. */
  devTokens: z.boolean(),
  /** Whether the supervisor can be asked to kill its children. */
  control: z.boolean(),
});
export type Deployment = z.infer<typeof deploymentSchema>;

/** What the web server says of the stack behind it. */
export async function fetchDeployment(): Promise<Deployment> {
  const response = await fetch("/config.json");
  if (!response.ok) throw new Error(`The web server answered ${response.status} for its configuration.`);
  return deploymentSchema.parse(await response.json());
}
