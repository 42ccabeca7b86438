/** Persons who were erased: what is stored of an erasure that a system tells, and how its person is kept from coming back. */
import { idOn } from '../../domain/link.ts';
import { personKeys, personKeysOfLink } from '../../domain/match.ts';
import type { Transaction } from '../../runtime/database.ts';
import type { PersonHashes } from '../../runtime/person-hash.ts';
import { otherSide } from '../../schemas/value.ts';
import type { BookSnapshot } from '../../store/integration-book.ts';
import { findSuppressed, suppressedName } from '../../store/erasures.ts';
import type { NewErasure, PersonHashOf } from '../../store/erasures.ts';
import { erasureOf } from '../../store/new-erasure.ts';
import type { BatchInput, ErasedLink } from './decide-batch.ts';
import type { Workspace } from './workspace.ts';

/** One erasure per change that told it, over all integrations that knew the record. */
export function erasuresOf(erased: readonly ErasedLink[], hashes: PersonHashes | null, now: number): readonly NewErasure[] {
  return [...Map.groupBy(erased, ({ erasureId }) => erasureId)].flatMap(([erasureId, links]): NewErasure[] => {
    const [first] = links;
    if (!first) return [];
    return [erasureOf({
      tenantId: first.before.tenantId, erasureId, origin: 'system', requestedBy: first.side === 'bevatel' ? 'bevatel' : first.system, at: now,
      links: links.map(({ before, side }) => ({ link: before, told: side, asked: [], notAsked: idOn(before, otherSide(side)) === null ? [] : [otherSide(side)] })),
      personKeys: links.flatMap(({ before, context }) => personKeysOfLink(context.mapping, before)),
    }, hashes)];
  });
}

/** Looks up whether any new record of the batch is an erased person's. */
export async function keptOut(transaction: Transaction, deps: BookSnapshot & { readonly personHashes?: PersonHashes | null }, workspace: Workspace, changes: BatchInput['changes']): Promise<NonNullable<BatchInput['erasedAs']>> {
  const candidates = new Map<string, readonly PersonHashOf[]>();
  const tenantIds = new Set<string>();
  for (const { change } of changes) {
    if (change.kind !== 'image') continue;
    for (const { integration, context } of deps.concernedBy(change)) {
      if (workspace.find(change.tenantId, integration.integration, change.side, change.recordId)) continue;
      tenantIds.add(change.tenantId);
      for (const key of personKeys(context.mapping, change.side, change.image)) {
        const hashes = deps.personHashes?.candidates(change.tenantId, key) ?? [];
        candidates.set(`${change.tenantId}|${key}`, hashes.map((one) => ({ ...one, tenantId: change.tenantId })));
      }
    }
  }
  const found = await findSuppressed(transaction, [...tenantIds], [...candidates.values()].flat(), deps.personHashes?.keyIds ?? []);
  return (tenantId, keys) => {
    for (const key of keys) {
      for (const { hash } of candidates.get(`${tenantId}|${key}`) ?? []) {
        const erasure = found.get(suppressedName(tenantId, hash));
        if (erasure !== undefined) return erasure;
      }
    }
    return null;
  };
}
