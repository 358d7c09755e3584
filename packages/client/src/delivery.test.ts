import { emptySnapshot, wireError, type OpenRequest } from "@holdfast/contract";
import { expect, test, vi } from "vitest";
import { Delivery, type DeliveryWire } from "./delivery.ts";
import { DEFAULT_BOUNDS } from "./options.ts";
import type { OpenAnswer, Reply } from "./wire.ts";

const opened: Reply<OpenAnswer> = { outcome: "answered", answer: { ok: true, resumed: false } };

/** A connection whose answers the test gives. */
class AnsweredWire implements DeliveryWire {
  readonly opens: OpenRequest[] = [];
  readonly closes: string[] = [];
  readonly #answers: ((reply: Reply<OpenAnswer>) => void)[] = [];

  open(request: OpenRequest): Promise<Reply<OpenAnswer>> {
    this.opens.push(request);
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  closeSession({ session }: { session: string }): Promise<Reply<{ ok: true }>> {
    this.closes.push(session);
    return Promise.resolve({ outcome: "answered", answer: { ok: true } });
  }

  answer(reply: Reply<OpenAnswer> = opened): void {
    this.#answers.shift()?.(reply);
  }
}

function deliveryOf(onOpened: (delivery: Delivery) => void = () => undefined): Delivery {
  const bounds = { ...DEFAULT_BOUNDS, backoffBaseMs: 0 };
  const delivery: Delivery = new Delivery(
    { session: "chat", agent: undefined, bounds, random: () => 0 },
    { changed: () => undefined, opened: () => onOpened(delivery), refused: () => undefined },
  );
  return delivery;
}

test("send-1: found not to be open in the very moment its `open` is answered, a session is opened once more", async () => {
  // Two answers in one chunk of the socket: the second one is handled between two steps of the first one's handling.
  const delivery = deliveryOf(() => {
    if (wire.opens.length === 1) queueMicrotask(() => delivery.reopen());
  });
  const wire = new AnsweredWire();
  delivery.attach(wire);
  wire.answer();
  await vi.waitFor(() => expect(wire.opens).toHaveLength(2));
});

test("open-4: asked to open again before the answer came, it does not: that answer is enough", async () => {
  let answered = 0;
  const delivery = deliveryOf(() => answered++);
  const wire = new AnsweredWire();
  delivery.attach(wire);
  delivery.reopen();
  wire.answer();
  await vi.waitFor(() => expect(answered).toBe(1));
  delivery.read({ kind: "snapshot", frame: { type: "snapshot", id: "1", snapshot: emptySnapshot("echo") } });
  expect(delivery.state.state).toBe("live");
  expect(wire.opens).toHaveLength(1);
});

test("open-5: ended and wanted again on one connection, it is opened again: the `open` under way was undone by `close`", async () => {
  const delivery = deliveryOf();
  const wire = new AnsweredWire();
  delivery.want();
  delivery.attach(wire);
  delivery.end("idle");
  delivery.want();
  delivery.attach(wire);
  wire.answer();
  await vi.waitFor(() => expect(wire.opens).toHaveLength(2));
  expect(wire.closes).toEqual(["chat"]);
});

test("err-2: on a new connection a refusal of the last one is forgotten", async () => {
  const delivery = deliveryOf();
  const [first, second] = [new AnsweredWire(), new AnsweredWire()];
  delivery.attach(first);
  first.answer({ outcome: "answered", answer: { ok: false, error: wireError("forbidden") } });
  await vi.waitFor(() => expect(delivery.state.state).toBe("refused"));
  delivery.detach();
  expect(delivery.state.state).toBe("refused");
  delivery.attach(second);
  expect(delivery.state.state).toBe("opening");
});
