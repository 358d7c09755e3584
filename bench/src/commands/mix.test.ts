import { expect, test } from "vitest";
import { searchRates } from "./mix.ts";

/** The rates the search tries where those up to `limit` hold. */
async function tried(startRate: number, limit: number): Promise<number[]> {
  const rates: number[] = [];
  await searchRates(startRate, async (rate) => {
    expect(rates.push(rate)).toBeLessThan(20);
    return rate <= limit;
  });
  return rates;
}

test("the rate doubles until one does not hold, then goes to the middle", async () => {
  expect((await tried(100, 300)).slice(0, 4)).toEqual([100, 200, 400, Math.sqrt(200 * 400)]);
  expect((await tried(400, 150)).slice(0, 3)).toEqual([400, 200, 100]);
});

test.for([3, 116, 5_000])("the search closes in on a limit of %d from either side", async (limit) => {
  const rates = await tried(116, limit);
  const held = Math.max(...rates.filter((rate) => rate <= limit));
  const failed = Math.min(...rates.filter((rate) => rate > limit));
  expect(held).toBeGreaterThan(0);
  expect(failed / held).toBeLessThanOrEqual(1.08);
});
