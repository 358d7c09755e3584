import { mintToken } from "@holdfast/stack/token";
import { inputOf, sleepersOrderSchema, sleepersPlanSchema } from "./slow-reader-protocol.ts";
import { Watcher } from "./slow-reader-watcher.ts";
import { obey } from "./told-process.ts";

obey(sleepersPlanSchema, sleepersOrderSchema, ({ edge, jwtSecret, subject, session, script, count }) => {
  const readers = Array.from(
    { length: count },
    () =>
      new Watcher({
        edge,
        token: () => mintToken(jwtSecret, { subject }),
        session,
        inputOf: (turn) => inputOf(session, script, turn),
      }),
  );
  return async (order) => {
    switch (order.order) {
      case "open":
        await Promise.all(readers.map((reader) => reader.live()));
        return {};
      case "reach":
        await Promise.all(readers.map((reader) => reader.reached(order.turn)));
        return {};
      case "report":
        return { readers: readers.map(({ record }) => record) };
    }
  };
});
