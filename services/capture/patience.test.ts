import { describe, expect, it } from 'vitest';
import { SyncError } from '../../schemas/errors.ts';
import { createPatience } from './patience.ts';

describe('how long the next try waits', () => {
  it('I10: grows in whole milliseconds, as what waits for it is stored with them, and is what the system asked for at least', () => {
    const patience = createPatience({ firstMs: 500, lastMs: 2_000, random: () => 0.123 });
    const waits = [1, 2, 3, 4].map(() => patience.after(new Error('away')));
    expect(waits).toEqual([281, 562, 1_123, 1_123]);
    expect(patience.after(new SyncError('rate_limited', 'wait', { retryAfterMs: 9_000 }))).toBe(9_000);
    patience.reset();
    expect(patience.after(new Error('away'))).toBe(281);
  });
});
