import { condition, defineQuery, defineSignal, setHandler } from "@temporalio/workflow";

const told = defineQuery<number>("told");
const signalled = defineSignal<[forEver: boolean]>("told");

/** Counts its signals; loops for ever at one that says so. No loader has been at this code, so no guard of ours ends the loop. */
export async function waiting(): Promise<void> {
  let signals = 0;
  setHandler(told, () => signals);
  setHandler(signalled, (forEver) => {
    while (forEver) signals += 0;
    signals++;
  });
  await condition(() => signals === 3);
}
