/** A by-id read, folded into its link: the record as it is now, gone, or gone on under another id. */
import { applyImage } from '../../domain/apply-change.ts';
import { NO_OWN_TIMES } from '../../domain/context.ts';
import type { LinkContext } from '../../domain/context.ts';
import { decideLink } from '../../domain/decide-link.ts';
import type { Link } from '../../domain/link.ts';
import { applyGone, repoint } from '../../domain/gone.ts';
import type { Absence } from '../../domain/gone.ts';
import { removalsProven } from '../../domain/landing.ts';
import { recordImage } from '../../domain/outcome.ts';
import type { GroupVerdict } from '../../schemas/decision.ts';
import type { Side } from '../../schemas/value.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import type { Read } from './calls.ts';

/** What a by-id read shows, folded and decided, with the verdicts to be recorded: a read may be the first to show an edit (I2). */
export interface FoldedRead {
  readonly link: Link;
  readonly groups: readonly GroupVerdict[];
}

export function foldRead(link: Link, side: Side, read: Read, known: KnownIntegration, now: number): FoldedRead {
  const { result } = read;
  switch (result.kind) {
    case 'found': return applyImage(link, recordImage(result.record, side, known.integrationId, { from: read.from, to: read.to, readById: true }), known.context, NO_OWN_TIMES, now);
    case 'merged': return decideLink(repoint(link, side, result.mergedInto, now), known.context, now);
    case 'gone': return foldAbsence(link, side, { how: result.how, by: 'read', observedFrom: read.from, observedTo: read.to, revision: null }, known.context, now);
    default: return result satisfies never;
  }
}

function foldAbsence(link: Link, side: Side, absence: Absence, context: LinkContext, now: number): FoldedRead {
  const gone = applyGone(link, side, absence, context, now);
  const decided = decideLink(gone, context, now);
  return { link: decided.link, groups: [...removalsProven(side, link.state, gone.state), ...decided.groups] };
}
