/** Stories that begin with a deletion. */
import type { Side } from '../../schemas/value.ts';
import { planWork } from '../plan-work.ts';
import type { Work } from '../plan-work.ts';
import type { ContextOptions } from './context.ts';
import { Story } from './story.ts';

export const SETTLE_MS = 60_000;
export const BOTH_DELETE = { to_external: 'delete', to_bevatel: 'delete' };

/** The pair agrees on `o`; then the record of one side is deleted, and that is settled. */
export function deleted(lost: Side, deletes: object, more: ContextOptions = {}): Story {
  const story = new Story({ deletes, ...more }).agreed();
  story.deletes(lost, lost === 'bevatel' ? { revision: '11' } : { readById: true });
  story.settles(lost);
  return story;
}

/** What delivery would do next. */
export function plan(story: Story): Work {
  return planWork(story.link, story.context, story.now, 'next');
}
