/** What came of erasing a record in its system: recorded with the link, and as the system's receipt. */
import { afterErasing, erasedThere } from '../../domain/erase.ts';
import type { ErasedThere } from '../../domain/erase.ts';
import type { Link } from '../../domain/link.ts';
import { failed } from '../../domain/outcome.ts';
import type { OutcomeFacts } from '../../domain/outcome.ts';
import type { ReceiptState } from '../../schemas/erasure.ts';
import type { Side } from '../../schemas/value.ts';
import type { Result } from './record.ts';

export interface SystemReceipt {
  readonly link: Link;
  readonly side: Side;
  readonly state: ReceiptState;
  readonly detail: string | null;
}

/** For erased links only. A call without an answer stays on record until a read tells what became of it. */
export function applyErasing(link: Link, result: Result, facts: OutcomeFacts): { readonly link: Link; readonly receipt: SystemReceipt | null } {
  const { side } = result;
  const attempt = link.state.attempts.find((one) => one.side === side);
  if (!attempt || result.kind === 'lookup') return { link, receipt: null };
  if (result.kind === 'read') {
    if ('error' in result.outcome) return { link: failed(link, undefined, result.outcome.error.facts.retryAfterMs ?? 0, facts), receipt: null };
    return ended(link, side, attempt.id, erasedThere(result.outcome.result));
  }
  const { outcome } = result;
  if (outcome.kind === 'unknown') return { link, receipt: null };
  if (outcome.kind === 'failed') return { link: failed(link, attempt, outcome.error.facts.retryAfterMs ?? 0, facts), receipt: null };
  return ended(link, side, attempt.id, erasedThere(outcome));
}

function ended(link: Link, side: Side, attemptId: string, there: ErasedThere): { readonly link: Link; readonly receipt: SystemReceipt | null } {
  const after = afterErasing(link, side, attemptId, there);
  switch (there.kind) {
    case 'done': return { link: after, receipt: { link, side, state: 'done', detail: null } };
    case 'refused': return { link: after, receipt: { link, side, state: 'refused', detail: there.code } };
    case 'again': return { link: after, receipt: null };
    default: return there satisfies never;
  }
}
