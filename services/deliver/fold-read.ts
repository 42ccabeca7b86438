/** A by-id read, folded into its link: the record as it is now, gone, or gone on under another id. */
import { applyImage } from '../../domain/apply-change.ts';
import { NO_OWN_TIMES } from '../../domain/context.ts';
import { decideLink } from '../../domain/decide-link.ts';
import type { Link } from '../../domain/link.ts';
import { applyGone, recordImage, repoint } from '../../domain/outcome.ts';
import type { Side } from '../../schemas/value.ts';
import type { KnownIntegration } from '../../store/integration-book.ts';
import type { Read } from './calls.ts';

/** What a by-id read shows, folded and decided. */
export function foldRead(link: Link, side: Side, read: Read, known: KnownIntegration, now: number): Link {
  const { result } = read;
  switch (result.kind) {
    case 'found': return applyImage(link, recordImage(result.record, side, known.integrationId, { from: read.from, to: read.to, readById: true }), known.context, NO_OWN_TIMES, now).link;
    case 'merged': return decideLink(repoint(link, side, result.mergedInto, now), known.context, now).link;
    case 'gone': return decideLink(applyGone(link, side, result.how, now), known.context, now).link;
    default: return result satisfies never;
  }
}
