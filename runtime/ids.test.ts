import { describe, expect, it } from 'vitest';
import { createIds } from './ids.ts';

const COUNT = 1_000;

describe('createIds', () => {
  it('gives ids of version 7 that begin with the time and are all different', () => {
    let now = 0x0190_0000_0000;
    const newId = createIds(() => now);
    const ids = Array.from({ length: COUNT }, () => newId());
    now += 1;
    expect(new Set(ids).size).toBe(COUNT);
    for (const id of ids) expect(id).toMatch(/^01900000-0000-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(newId()).toMatch(/^01900000-0001-7/);
  });
});
