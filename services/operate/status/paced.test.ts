import { describe, expect, it } from 'vitest';
import { paced } from './paced.ts';

describe('paced', () => {
  it.each([
    ['a costly answer is given again for ten times as long as it took, then asked anew', 500, [0, 2_000, 2_999, 1], [1, 1, 1, 2]],
    ['a quick answer is given again for a second', 1, [0, 500, 499, 1], [1, 1, 1, 2]],
  ])('%s', async (_what, tookMs, waits, expected) => {
    let now = 0;
    let asked = 0;
    const ask = paced(() => { now += tookMs; asked += 1; return Promise.resolve(asked); }, () => now);
    const answers: number[] = [];
    for (const wait of waits) {
      now += wait;
      answers.push(await ask());
    }
    expect(answers).toEqual(expected);
  });
  it('shares one question among those who ask at the same time, and forgets a failure', async () => {
    let asked = 0;
    const ask = paced(() => { asked += 1; return asked === 1 ? Promise.reject(new Error('away')) : Promise.resolve(asked); }, () => 0);
    expect((await Promise.allSettled([ask(), ask()])).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toBe(1);
    expect(await ask()).toBe(2);
  });
});
