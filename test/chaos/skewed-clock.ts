/**
 * Loaded before an app (`node --import`): its clock is wrong by CHAOS_CLOCK_MS, and by something else after each SIGUSR2.
 * Only what JavaScript sees is wrong; timers, which do not ask what time it is, go on as they would.
 */
const STEPS_MS = [600_000, -600_000, 0, 3_000, -3_000];
const RightDate = Date;
let offsetMs = Number(process.env["CHAOS_CLOCK_MS"] ?? 0);
let steps = 0;

const now = (): number => RightDate.now() + offsetMs;

globalThis.Date = new Proxy(RightDate, {
  construct(target, args, newTarget) {
    return Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget);
  },
  apply: () => new RightDate(now()).toString(),
  get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
});

process.on("SIGUSR2", () => {
  offsetMs = STEPS_MS[steps++ % STEPS_MS.length] ?? 0;
});
