import fc from "fast-check";
import { expect, test } from "vitest";
import { SessionLog } from "../src/index.ts";
import { describeBackends } from "./backends.ts";
import { allFrames, fence, newKey, rewind, say, started, textPart } from "./story.ts";

describeBackends("text", (backend) => {
  const log = async (): Promise<SessionLog> => new SessionLog(await backend.connect("commands"));

  const cases: Record<string, string[]> = {
    "more than one byte a character": ["Grüße, ", "мир, ", "世界, ", "👩‍👩‍👧‍👦"],
    "a surrogate pair cut in two": ["a\ud83d", "\ude00b"],
    "lone surrogates": ["\udc00", "x\ud800", "y", "\ude00"],
    "control characters, quotes and backslashes": ["\u0000", '"\\', "\\u0000", "\n\r\t\u2028\u2029", "\u007f\ufeff"],
    "what looks like JSON or a format": ['{"type":"resync"}', "%s%0.f%", "]]--[["],
  };
  for (const [what, pieces] of Object.entries(cases)) {
    test(`frame-4: text is kept and sent as it was written: ${what}`, async () => {
      const [sessionLog, key] = [await log(), newKey()];
      await sessionLog.begin(key, fence(1), started(1, 1));
      for (const [i, piece] of pieces.entries()) await say(sessionLog, key, fence(1), i + 1, piece);
      const whole = pieces.join("");
      const deltas = (await allFrames(sessionLog, key)).slice(1);
      expect(deltas.map((frame) => (frame.type === "delta" ? frame.text : ""))).toEqual(pieces);
      expect(await sessionLog.snapshot(key)).toMatchObject({ snapshot: { running: { parts: [textPart(whole)] } } });
      expect(await sessionLog.begin(key, fence(1, 2), started(1, 1))).toMatchObject({ parts: [textPart(whole)] });
      await rewind(sessionLog, key, fence(1, 2), 99, whole.slice(1));
      expect(await sessionLog.held(key, { epoch: 1, turn: 1 })).toMatchObject({ parts: [textPart(whole.slice(1))] });
      // Once another part follows, it is one among the others.
      await sessionLog.write(key, fence(1, 2), 100, { type: "delta", at: 1, begins: "reasoning", text: whole });
      const parts = [textPart(whole.slice(1)), { type: "reasoning", text: whole }];
      expect(await sessionLog.snapshot(key)).toMatchObject({ snapshot: { running: { parts } } });
    });
  }

  test("frame-4: any strings of UTF-16 code units, appended, are their concatenation", async () => {
    const sessionLog = await log();
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
    const piece = fc.oneof(fc.string({ unit, minLength: 1 }), fc.string({ unit: "grapheme", minLength: 1 }));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 8 }), async (pieces) => {
        const key = newKey();
        await sessionLog.begin(key, fence(1), started(1, 1));
        for (const [i, text] of pieces.entries()) await say(sessionLog, key, fence(1), i + 1, text);
        const { parts } = await sessionLog.begin(key, fence(1, 2), started(1, 1));
        expect(parts).toEqual([textPart(pieces.join(""))]);
      }),
      { numRuns: 50 },
    );
  });

  test("frame-4: an empty delta is refused, since no reader takes it", async () => {
    const [sessionLog, key] = [await log(), newKey()];
    await sessionLog.begin(key, fence(1), started(1, 1));
    await expect(say(sessionLog, key, fence(1), 1, "")).rejects.toThrow(RangeError);
  });
});
