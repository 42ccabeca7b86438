/**
 * The way between a process and a system: calls take time, are refused, get lost on either way, or arrive when nobody
 * waits for them any more. What has arrived has its effect, whatever becomes of the caller.
 */
import { SyncError } from '../../schemas/errors.ts';
import type { SystemName } from '../journal.ts';
import type { Incarnation } from '../engine/incarnation.ts';
import type { Scheduler } from '../engine/scheduler.ts';

export type CallKind = 'read' | 'write';

/** What befalls one call. */
export type CallFault =
  /** It never arrives, and nobody says so. */
  | { readonly kind: 'request_lost' }
  /** It has its effect, but the answer does not come. */
  | { readonly kind: 'answer_lost' }
  /** It has its effect so much later. */
  | { readonly kind: 'late_landing'; readonly afterMs: number }
  | { readonly kind: 'slow_call'; readonly ms: number };

/** What befalls a system as a whole for a while. */
export type Refusal = { readonly kind: 'outage' } | { readonly kind: 'throttle'; readonly retryAfterMs: number | null } | { readonly kind: 'token_expiry' };

export interface NetworkFaults {
  onCall(system: SystemName, kind: CallKind): CallFault | null;
  refusal(system: SystemName): Refusal | null;
}

export interface Network {
  call<T>(kind: CallKind, signal: AbortSignal, serve: () => T): Promise<T>;
}

export interface NetworkOptions {
  readonly system: SystemName;
  readonly incarnation: Incarnation;
  readonly scheduler: Scheduler;
  readonly faults: NetworkFaults;
  /** Told +1 when a call goes out and -1 when it has arrived. */
  readonly onWay: (change: 1 | -1) => void;
}

const USUAL_MS = { from: 10, to: 180 };

export function networkOf(options: NetworkOptions): Network {
  return { call: (kind, signal, serve) => new Promise((resolve, reject) => begin(options, kind, signal, serve, resolve, reject)) };
}

function begin<T>({ system, incarnation, scheduler, faults, onWay }: NetworkOptions, kind: CallKind, signal: AbortSignal, serve: () => T, resolve: (answer: T) => void, reject: (error: SyncError) => void): void {
  if (!incarnation.reaches('call')) return;
  const { random } = incarnation;
  const fault = faults.onCall(system, kind);
  const way = (): number => random.int(USUAL_MS.from, USUAL_MS.to) + (fault?.kind === 'slow_call' ? fault.ms : 0);
  const giveUp = (): void => reject(kind === 'write' ? new SyncError('write_unanswered', 'no answer') : new SyncError('system_timeout', 'no answer'));
  if (signal.aborted) return giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  if (fault?.kind === 'request_lost') return;
  onWay(1);
  scheduler.after(way() + (fault?.kind === 'late_landing' ? fault.afterMs : 0), () => {
    onWay(-1);
    const refusal = faults.refusal(system);
    if (refusal) return incarnation.later(way(), () => reject(errorOf(refusal, kind, random.chance(0.5))));
    const answer = serve();
    if (fault?.kind !== 'answer_lost') incarnation.later(way(), () => resolve(answer));
  });
}

/** A system that is down may be so before or behind its door: then nobody knows of a write whether it was taken. */
function errorOf(refusal: Refusal, kind: CallKind, isBehindDoor: boolean): SyncError {
  switch (refusal.kind) {
    case 'outage': return kind === 'write' && isBehindDoor ? new SyncError('write_unanswered', 'answered 502') : new SyncError('system_unavailable', 'does not answer');
    case 'throttle': return new SyncError('rate_limited', 'too many calls', refusal.retryAfterMs === null ? {} : { retryAfterMs: refusal.retryAfterMs });
    case 'token_expiry': return new SyncError('unauthorised', 'the token has expired');
    default: return refusal satisfies never;
  }
}
