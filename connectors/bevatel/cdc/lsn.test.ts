import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Lsn } from './lsn.ts';
import { LSN_ZERO, before, formatLsn, maxLsn, parseLsn } from './lsn.ts';

const lsns = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => value as Lsn);

test('positions are read with and without leading zeros and written as Postgres does', () => {
  expect(parseLsn('00000016/0B374D84')).toBe(parseLsn('16/B374D84'));
  expect(formatLsn(parseLsn('00000016/0B374D84'))).toBe('16/B374D84');
  expect(() => parseLsn('nonsense')).toThrow(RangeError);
});

test('positions survive text and compare as numbers, not as text', () => {
  fc.assert(fc.property(lsns, lsns, (a, b) => {
    expect(parseLsn(formatLsn(a))).toBe(a);
    expect(maxLsn(a, b)).toBe(a > b ? a : b);
  }));
  expect(parseLsn('9/0') < parseLsn('10/0')).toBe(true);
});

test('the position before the first is the first', () => {
  expect(before(LSN_ZERO)).toBe(LSN_ZERO);
  expect(formatLsn(before(parseLsn('1/0')))).toBe('0/FFFFFFFF');
});
