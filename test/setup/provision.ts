import { findTemporal, findValkey } from "@holdfast/stack/provision";

/** Before any test: the real servers are on this machine, so that no test's time is spent on a download. */
export async function setup(): Promise<void> {
  // Somebody else's edges are tried (`npm run conformance -- --url`): nothing is started here.
  if (process.env["HOLDFAST_CONFORMANCE_URLS"] !== undefined) return;
  const onProgress = (line: string): void => console.log(line);
  await findTemporal({ onProgress });
  await findValkey({ onProgress });
}
