import { describe, expect, it } from 'vitest';
import { parseDeliverSettings } from './settings.ts';

describe('delivery settings', () => {
  it('have defaults, and may be set in the environment', () => {
    expect(parseDeliverSettings({ DELIVER_CALL_MS: '' })).toEqual({ callMs: 15_000, leaseMs: 45_000 });
    expect(parseDeliverSettings({ DELIVER_CALL_MS: '3000', DELIVER_LEASE_MS: '8000' })).toEqual({ callMs: 3_000, leaseMs: 8_000 });
  });

  it.each([
    [{ DELIVER_CALL_MS: 'soon' }, /^DELIVER_CALL_MS must be a number/],
    [{ DELIVER_CALL_MS: '1', DELIVER_LEASE_MS: 'x' }, /^DELIVER_CALL_MS .*; DELIVER_LEASE_MS /],
    [{ DELIVER_CALL_MS: '30000' }, /^DELIVER_LEASE_MS must be at least 2 times/],
  ])('names every fault, and never a value: %o', (environment, fault) => {
    expect(() => parseDeliverSettings(environment)).toThrow(expect.objectContaining({ code: 'configuration_invalid', message: expect.stringMatching(fault) as string }) as Error);
  });
});
