/**
 * Delivery's own settings, parsed from an environment by main.ts; all faults at once, values never in the message.
 *
 * A worker that was killed leaves its links leased: they are taken again when the lease has ended, and a write of
 * unknown outcome is read after its call's deadline (design §6). Both are therefore bounds of the recovery as well.
 */
import { z } from 'zod';
import { SyncError } from '../../schemas/errors.ts';

/** How long a call may take, and how long a worker owns the links that it works on (ms); the lease is the longer by a wide margin. */
export interface DeliverSettings {
  readonly callMs: number;
  readonly leaseMs: number;
}

const CALL_MS = 15_000;
/** A lease outlasts the reads and writes of one cycle, each of which may take the whole of its deadline. */
const CALLS_PER_LEASE = 2;

const zMs = z.coerce.number('must be a number of milliseconds').int().min(100).max(600_000);
const zEnv = z.object({ DELIVER_CALL_MS: zMs.default(CALL_MS), DELIVER_LEASE_MS: zMs.default(3 * CALL_MS) })
  .refine(({ DELIVER_CALL_MS: call, DELIVER_LEASE_MS: lease }) => lease >= CALLS_PER_LEASE * call, { path: ['DELIVER_LEASE_MS'], message: `must be at least ${CALLS_PER_LEASE} times DELIVER_CALL_MS` });

export function parseDeliverSettings(environment: Readonly<Record<string, string | undefined>>): DeliverSettings {
  const parsed = zEnv.safeParse(Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    throw new SyncError('configuration_invalid', faults.map(({ path, message }) => `${path} ${message}`).join('; '), { faults });
  }
  return { callMs: parsed.data.DELIVER_CALL_MS, leaseMs: parsed.data.DELIVER_LEASE_MS };
}
