/** Dead letters as the operator sees them. */
import type { Pool } from 'pg';
import type { z } from 'zod';
import type { zDeadLetter, zDeadLetterDetail, zDeadLetterList, zDeadLetterQuery } from '../../../schemas/api.ts';
import { ERRORS, SyncError } from '../../../schemas/errors.ts';
import { countDeadLetters, listDeadLetters, readDeadLetter } from '../../../store/dead-letters.ts';
import type { StoredDeadLetter, WholeDeadLetter } from '../../../store/dead-letters.ts';

/** The event in the bytes; null where they cannot be decoded. */
export type LetterDecoder = (letter: WholeDeadLetter) => Promise<unknown>;

type View = z.output<typeof zDeadLetter>;

export async function letterPage(pool: Pool, query: z.output<typeof zDeadLetterQuery>): Promise<z.output<typeof zDeadLetterList>> {
  const filter = { tenantId: query.tenant ?? null, integrationId: query.integration ?? null, status: query.status ?? null, code: query.code ?? null };
  const [letters, total] = await Promise.all([listDeadLetters(pool, filter, { limit: query.limit, after: query.after ?? null }), countDeadLetters(pool, filter)]);
  return { deadLetters: letters.map(viewOf), total, next: letters.length === query.limit ? letters.at(-1)?.deadLetterId ?? null : null };
}

export async function wholeLetter(pool: Pool, id: string, decode: LetterDecoder): Promise<z.output<typeof zDeadLetterDetail>> {
  const letter = await readDeadLetter(pool, id);
  if (!letter) throw new SyncError('not_found', `there is no dead letter ${id}`);
  return { ...viewOf(letter), key: letter.key?.toString('utf8') ?? null, bytesBase64: letter.bytes.toString('base64'), decoded: await decode(letter) };
}

function viewOf(letter: StoredDeadLetter): View {
  const known = Object.hasOwn(ERRORS, letter.code) ? ERRORS[letter.code as keyof typeof ERRORS] : undefined;
  return {
    id: letter.deadLetterId, tenant: letter.tenantId, integration: letter.integrationId, side: letter.side, recordId: letter.recordId,
    code: letter.code, detail: letter.detail, advice: known?.advice ?? 'See the code.', stage: letter.stage,
    topic: letter.topic, partition: letter.partition, offset: letter.offset, status: letter.status, deadAt: letter.deadAt, size: letter.size,
  };
}
