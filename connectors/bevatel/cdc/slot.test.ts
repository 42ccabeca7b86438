import { expect, test } from 'vitest';

import { parseLsn } from './lsn.ts';
import { SlotLagMeter } from './slot.ts';

const lsn = (low: number) => parseLsn(`0/${low.toString(16)}`);

test('lag in seconds is how long ago the oldest unconfirmed log was seen', () => {
  const meter = new SlotLagMeter();
  expect(meter.observe(1_000, lsn(100), lsn(100))).toEqual({ bytes: 0, seconds: 0 });
  expect(meter.observe(2_000, lsn(300), lsn(100))).toEqual({ bytes: 200, seconds: 0 });
  expect(meter.observe(5_000, lsn(400), lsn(100))).toEqual({ bytes: 300, seconds: 3 });
  expect(meter.observe(7_000, lsn(500), lsn(350))).toEqual({ bytes: 150, seconds: 2 });
  expect(meter.observe(8_000, lsn(500), lsn(500))).toEqual({ bytes: 0, seconds: 0 });
});

test('the age of a stall is kept however often it is asked for', () => {
  const meter = new SlotLagMeter();
  for (let at = 0; at <= 5_000; at += 1) meter.observe(at * 1_000, lsn(200 + at), lsn(100));
  expect(meter.observe(5_001_000, lsn(9_000), lsn(100)).seconds).toBe(5_001);
});
