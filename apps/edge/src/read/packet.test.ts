import type { FrameText } from "@holdfast/internal";
import { expect, test } from "vitest";
import { FramesPacket, snapshotPacket, type Packet } from "./packet.ts";

function frameOf(json: string): FrameText {
  return { type: "foreign", id: "1", prev: "0", json };
}

/** The message a client makes of the bytes (RFC 6455 §5.2). */
function received({ options }: Packet): string {
  const bytes = Buffer.concat(options.wsPreEncodedFrame ?? []);
  const [first, size = 0] = bytes;
  expect(first).toBe(0x81);
  const [start, length] =
    size < 126 ? [2, size] : size === 126 ? [4, bytes.readUInt16BE(2)] : [10, Number(bytes.readBigUInt64BE(2))];
  expect(bytes.length).toBe(start + length);
  // No longer form than the length needs.
  expect(start).toBe(length < 126 ? 2 : length < 2 ** 16 ? 4 : 10);
  return bytes.toString("utf8", start);
}

test("ids-2: frames go under the name a session was opened by, in one packet for all who use that name", () => {
  const packet = new FramesPacket([frameOf('{"a":1}'), frameOf('{"b":"é\\ud83d"}')]);
  expect(packet.under("s").options.wsPreEncodedFrame).toBeUndefined();
  const shared = packet.under("s");
  expect(packet.under("s")).toBe(shared);
  expect(shared.text).toBe('2["frames","s",[{"a":1},{"b":"é\\ud83d"}]]');
  packet.under("ann/s");
  expect(received(packet.under("ann/s"))).toBe('42["frames","ann/s",[{"a":1},{"b":"é\\ud83d"}]]');
});

test.for([0, 80, 125, 126, 1_000, 65_535, 65_536, 1_000_000])(
  "connect-1: a packet of any length is one whole WebSocket message: %i",
  (length) => {
    const packet = new FramesPacket([frameOf(`"${"ü".repeat(length / 2)}"`)]);
    const { text } = packet.under("s");
    expect(received(packet.under("s"))).toBe(`4${text}`);
  },
);

test("snap-1: a snapshot's text stands in its frame as it is", () => {
  const snapshot = { json: '{"version":3}', version: 3, applied: {}, running: null };
  expect(snapshotPacket("s", "1-2", snapshot).text).toBe(
    '2["frames","s",[{"type":"snapshot","id":"1-2","snapshot":{"version":3}}]]',
  );
});
