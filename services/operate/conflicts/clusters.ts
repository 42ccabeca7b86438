/**
 * Conflicts that are alike: the same field, the same type and the same cause, counted together, with the change of the
 * mapping that would end them all. What is held on a link as a whole is grouped by its kind and detail.
 */
import type { Pool } from 'pg';
import { causeOf } from '../../../domain/conflict-cause.ts';
import type { Cause } from '../../../domain/conflict-cause.ts';
import { buildContext } from '../../../domain/context.ts';
import type { LinkContext } from '../../../domain/context.ts';
import { decideLink } from '../../../domain/decide-link.ts';
import { releaseHeld } from '../../../domain/resolve.ts';
import type { Conflict, ConflictCluster, ConflictSelector } from '../../../schemas/api.ts';
import type { ConflictType } from '../../../schemas/decision.ts';
import { fieldNames, zIntegration } from '../../../schemas/integration.ts';
import { listHeldLinks } from '../../../store/conflicts.ts';
import type { LinkFilter } from '../../../store/conflicts.ts';
import type { IntegrationBook, KnownIntegration } from '../../../store/integration-book.ts';
import type { LinkKey, StoredLink } from '../../../store/links.ts';
import { conflictsOf } from './conflict-view.ts';

/** A hold with its cause, which tells what it is alike to. */
export interface CausedConflict {
  readonly conflict: Conflict;
  readonly cause: Pick<Cause, 'name' | 'fix'>;
}

const PAGE = 500;
/** Conflicts looked at for a list of clusters; beyond, the list says that it is not whole. */
const MAX_LOOKED_AT = 100_000;
const SAMPLES = 5;

/** Facts about writes and fights: their detail is the cause. */
const BY_DETAIL: ReadonlySet<string> = new Set<ConflictType>(['rejected', 'unique_violation', 'schema_missing', 'oscillation', 'unknown_outcome', 'overwritten_in_flight']);

/** Every hold of a link with its cause. */
export function causedConflicts(stored: StoredLink, context: LinkContext): readonly CausedConflict[] {
  return conflictsOf(stored).map((conflict) => ({ conflict, cause: causeOfConflict(stored, conflict, context) }));
}

function causeOfConflict({ link }: StoredLink, conflict: Conflict, { mapping }: LinkContext): Pick<Cause, 'name' | 'fix'> {
  const rule = conflict.group === null ? undefined : mapping.byName.get(conflict.group);
  const held = conflict.group === null ? undefined : link.state.groups[conflict.group]?.held;
  if (!rule || !held || BY_DETAIL.has(conflict.type)) return { name: conflict.detail ?? conflict.type, fix: null };
  return causeOf(rule, held);
}

export function isSelected({ conflict, cause }: CausedConflict, select: ConflictSelector): boolean {
  return conflict.tenant === select.tenant && conflict.integration === select.integration
    && (select.group === undefined || conflict.group === select.group)
    && (select.type === undefined || conflict.type === select.type)
    && (select.cause === undefined || cause.name === select.cause);
}

/** All links with holds, page by page in the order of their keys. */
export async function* heldLinks(pool: Pool, filter: LinkFilter): AsyncGenerator<readonly StoredLink[]> {
  let after: LinkKey | null = null;
  for (;;) {
    const page: readonly StoredLink[] = await listHeldLinks(pool, filter, { limit: PAGE, after });
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.link ?? null;
  }
}

/** What would become of a held pair if the field had these settings as well; null where the file would not be valid then. */
class Fixes {
  readonly #contexts = new Map<string, LinkContext | null>();

  preview({ link }: StoredLink, group: string, known: KnownIntegration, fix: NonNullable<Cause['fix']>, now: number): 'agree' | 'written' | 'held' | null {
    const context = this.#contextOf(known, group, fix);
    if (!context) return null;
    const released = releaseHeld(link, group);
    const decided = released.kind === 'resolved' ? decideLink(released.link, context, now).link.state.groups[group] : undefined;
    if (decided?.held) return 'held';
    return decided?.wanted ? 'written' : 'agree';
  }

  #contextOf({ tenantId, integrationId, integration }: KnownIntegration, group: string, fix: NonNullable<Cause['fix']>): LinkContext | null {
    const key = JSON.stringify([tenantId, integrationId, group, fix]);
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const fields = integration.fields.map((mapping) => (fieldNames(mapping, 'bevatel').join('+') === group ? { ...mapping, ...fix } : mapping));
    const parsed = zIntegration.safeParse({ ...integration, fields });
    const context = parsed.success ? buildContext(parsed.data) : null;
    this.#contexts.set(key, context);
    return context;
  }
}

export interface ClusterDeps {
  readonly clock: () => number;
  readonly pool: Pool;
  readonly book: IntegrationBook;
}

/** The largest clusters first. */
export async function listClusters({ pool, book, clock }: ClusterDeps, query: { readonly tenant?: string | undefined; readonly integration?: string | undefined; readonly limit: number }): Promise<{ clusters: ConflictCluster[]; conflicts: number; isWhole: boolean }> {
  await book.refresh();
  const integrations = new Map(book.all().map((known) => [`${known.tenantId}/${known.integrationId}`, known]));
  const fixes = new Fixes();
  const clusters = new Map<string, ConflictCluster>();
  let conflicts = 0;
  let isWhole = true;
  for await (const page of heldLinks(pool, { tenantId: query.tenant ?? null, integrationId: query.integration ?? null })) {
    for (const stored of page) {
      const known = integrations.get(`${stored.link.tenantId}/${stored.link.integrationId}`);
      for (const one of known ? causedConflicts(stored, known.context) : []) {
        const { conflict: { group }, cause: { fix } } = one;
        conflicts += 1;
        addTo(clusters, one, known && group !== null && fix ? fixes.preview(stored, group, known, fix, clock()) : null);
      }
    }
    isWhole = conflicts < MAX_LOOKED_AT;
    if (!isWhole) break;
  }
  const largest = [...clusters.values()].sort((a, b) => b.count - a.count || a.since - b.since).slice(0, query.limit);
  return { clusters: largest, conflicts, isWhole };
}

function addTo(clusters: Map<string, ConflictCluster>, { conflict, cause }: CausedConflict, effect: ReturnType<Fixes['preview']>): void {
  const { tenant, integration, group, type, since } = conflict;
  const key = JSON.stringify([tenant, integration, group, type, cause.name]);
  const known = clusters.get(key) ?? { tenant, integration, group, type, cause: cause.name, count: 0, since, fix: null, samples: [] };
  clusters.set(key, {
    ...known, count: known.count + 1, since: Math.min(known.since, since),
    fix: effect && cause.fix ? counted(known.fix ?? { settings: { ...cause.fix }, agree: 0, written: 0, held: 0 }, effect) : known.fix,
    samples: known.samples.length < SAMPLES ? [...known.samples, conflict] : known.samples,
  });
}

function counted(fix: NonNullable<ConflictCluster['fix']>, effect: 'agree' | 'written' | 'held'): NonNullable<ConflictCluster['fix']> {
  return { ...fix, [effect]: fix[effect] + 1 };
}
