/** `processBatch` and the rounds on PostgreSQL, without Kafka: what a test gives is a batch, what it looks at are links. */
import { expect } from 'vitest';
import type { Link } from '../domain/link.ts';
import type { KafkaRecord } from '../runtime/kafka.ts';
import type { ContactChange } from '../schemas/change.ts';
import type { GroupVerdict, Verdict } from '../schemas/decision.ts';
import { zIntegration } from '../schemas/integration.ts';
import { IntegrationBook } from '../store/integration-book.ts';
import { upsertIntegration } from '../store/integrations.ts';
import { LINK_COLUMNS, toStoredLink } from '../store/links.ts';
import { createLocks } from '../store/locks.ts';
import { beginPosition } from '../store/positions.ts';
import { openTestDeps } from './stack/deps.ts';
import type { TestStack } from './stack/fixture.ts';
import { processBatch } from '../services/reconcile/batch.ts';
import type { Batch, BatchDeps } from '../services/reconcile/batch.ts';
import { matchRound } from '../services/reconcile/match-round.ts';

export const KEY = { group: 'g', topic: 'changes', partition: 0 };
const TABLES = ['links', 'match_keys', 'match_queue', 'redirects', 'decisions', 'dead_letters', 'positions'];
const FIELDS = [
  { bevatel: 'contact_first_name', external: 'firstname' },
  { bevatel: 'phone_number', external: 'phone', lens: 'phone', region: 'SA' },
  { bevatel: 'email', external: 'email', lens: 'email' },
];

type Deps = Awaited<ReturnType<typeof openTestDeps>>;

export class ReconcileRig {
  readonly deps: Deps;
  readonly batchDeps: BatchDeps;
  readonly #book: IntegrationBook;
  #next = 0;

  private constructor(deps: Deps, book: IntegrationBook) {
    this.deps = deps;
    this.#book = book;
    this.batchDeps = { pool: deps.pool, codec: deps.codec.changes, clock: Date.now, newId: deps.newId, book };
  }

  /** One integration, `crm` of `acme`. */
  static async open(stack: TestStack, changed: Record<string, unknown> = {}): Promise<ReconcileRig> {
    const deps = await openTestDeps(stack);
    const rig = new ReconcileRig(deps, new IntegrationBook(deps.pool));
    await rig.apply(changed);
    return rig;
  }

  async apply(changed: Record<string, unknown>): Promise<void> {
    const integration = zIntegration.parse({
      integration: 'crm', tenant: 'acme', system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://bevatel.test', keyEnv: 'K' }, invalid: 'quarantine', fields: FIELDS, ...changed,
    });
    await upsertIntegration(this.deps.pool, integration, Date.now());
    await this.#book.refresh();
  }

  /** Nothing is known; with `isMatched`, both first listings have come in and brought nobody. */
  async begin(isMatched: boolean): Promise<void> {
    await this.deps.pool.query(`truncate ${TABLES.join(', ')}`);
    await this.deps.pool.query('update integrations set matched_at = $1', [isMatched ? 1 : null]);
    await this.#book.refresh();
    await beginPosition(this.deps.pool, KEY, 0, Date.now());
    this.#next = 0;
  }

  change(side: 'bevatel' | 'external', recordId: string, image: Record<string, string | null>, more: Partial<ContactChange> = {}): ContactChange {
    const now = Date.now();
    return {
      changeId: this.deps.newId(), tenantId: 'acme', side, integrationId: side === 'bevatel' ? null : 'crm', recordId, kind: 'image', revision: '1', image, fieldTimes: {}, histories: {},
      modifiedAt: now, observedFrom: now, observedTo: now, readById: side === 'external', capture: side === 'bevatel' ? 'cdc' : 'read', references: {}, mergedIds: [], mergedInto: null, ...more,
    };
  }

  batchOf(values: readonly (ContactChange | Buffer)[], from: number, at = KEY): Batch {
    const records = values.map((value, index): KafkaRecord => ({
      offset: BigInt(from + index), key: Buffer.from('k'), timestamp: 0, headers: {}, value: Buffer.isBuffer(value) ? value : this.deps.codec.changes.encode(value),
    }));
    return { key: at, lane: 'live', from, to: from + values.length, records, relayed: { offset: 0, at: 0 } };
  }

  /** Processes the values as the next batch of the partition. */
  async process(...values: (ContactChange | Buffer)[]): Promise<void> {
    const batch = this.batchOf(values, this.#next);
    expect((await processBatch(this.batchDeps, batch)).kind).toBe('COMMITTED');
    this.#next = batch.to;
  }

  /** The match round, as the job does it. */
  async match(isMatched: boolean): Promise<void> {
    const { pool, newId, logger } = this.deps;
    const locks = createLocks(pool);
    await this.deps.pool.query('update match_queue set due_at = 0');
    await matchRound({ pool, newId, logger, locks, book: this.#book, clock: Date.now, wake: { notify: () => undefined } }, { tenantId: 'acme', integrationId: 'crm', isMatched }, new AbortController().signal);
    await locks.close();
    await this.#book.refresh();
  }

  async links(): Promise<Link[]> {
    const { rows } = await this.deps.pool.query(`select ${LINK_COLUMNS} from links l order by bevatel_id nulls last, external_id`);
    return rows.map((row) => toStoredLink(row as Parameters<typeof toStoredLink>[0]).link);
  }

  async linkOf(id: string): Promise<Link> {
    const link = (await this.links()).find(({ bevatelId, externalId }) => bevatelId === id || externalId === id);
    if (!link) throw new Error(`${id} has no link`);
    return link;
  }

  async pairs(): Promise<(string | null)[][]> {
    return (await this.links()).map(({ bevatelId, externalId }) => [bevatelId, externalId]);
  }

  /** `b1 x1`, `b1 multi_match x1 x2`, …: who stands how, candidates by their records. */
  async standings(): Promise<string[]> {
    const links = await this.links();
    const names = new Map(links.map((link) => [link.linkId, [link.bevatelId, link.externalId].filter((id) => id !== null).join('+')]));
    return links.map(({ linkId, state }) => {
      const { hold } = state;
      const candidates = hold && 'candidates' in hold ? hold.candidates.map((id) => names.get(id) ?? 'nobody').toSorted() : [];
      return [names.get(linkId), ...(hold ? [hold.kind, ...candidates] : state.create ? ['create'] : state.unmatched ? ['unmatched'] : [])].join(' ');
    });
  }

  async decisions(): Promise<{ readonly linkId: string; readonly cause: string; readonly verdict: Verdict; readonly groups: readonly GroupVerdict[] }[]> {
    const { rows } = await this.deps.pool.query<{ link_id: string; cause: string; verdict: Verdict; groups: GroupVerdict[] }>('select link_id, cause, verdict, groups from decisions order by decided_at, decision_id');
    return rows.map(({ link_id: linkId, ...row }) => ({ linkId, ...row }));
  }

  async keys(): Promise<string[]> {
    const { rows } = await this.deps.pool.query<{ key: string }>("select side || ' ' || match_key as key from match_keys order by 1");
    return rows.map(({ key }) => key);
  }
}
