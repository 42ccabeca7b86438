/** Stores the pairs of a plan as committed rows, through the product's own statements. */
import type { Pool } from 'pg';
import type { LinkContext } from '../../domain/context.ts';
import { inTransaction } from '../../runtime/database.ts';
import { saveLinks } from '../../store/links.ts';
import type { LinkWrite } from '../../store/links.ts';
import { preparePair } from './pairs.ts';
import type { Plan } from './plan.ts';
import { START } from './records.ts';

const CHUNK = 500;

export async function storePairs(pool: Pool, context: LinkContext, plan: Plan): Promise<void> {
  let stored = Promise.resolve();
  for (let from = 0; from < plan.pairs; from += CHUNK) {
    const writes: LinkWrite[] = [];
    for (let pair = from; pair < Math.min(plan.pairs, from + CHUNK); pair += 1) {
      writes.push({ link: preparePair(context, plan, pair).link, lane: 'live', lease: 'keep' });
    }
    await stored;
    stored = inTransaction(pool, (transaction) => saveLinks(transaction, writes, [], START));
  }
  await stored;
}
