import { findTemporal, findValkey } from "@holdfast/stack/provision";

/** Before any test: the real servers are on this machine, so that no test's time is spent on a download. */
export async function setup(): Promise<void> {
  const onProgress = (line: string): void => console.log(line);
  await findTemporal({ onProgress });
  await findValkey({ onProgress });
}
