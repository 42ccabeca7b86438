/** Decisions by time: partitions on PostgreSQL, what the old table becomes, and which partitions a statement looks at. */
import { beforeEach, describe, expect, it } from 'vitest';
import pg from 'pg';
import { inTransaction } from '../runtime/database.ts';
import { loadMigrations, migrate } from '../runtime/migrate.ts';
import type { ContactDecision } from '../schemas/decision.ts';
import { zIntegration } from '../schemas/integration.ts';
import { openTestDeps } from '../tests/stack/deps.ts';
import { isolatedStack } from '../tests/stack/fixture.ts';
import { decisionsOfLink, insertDecisions, relayAwaiting, unrelayedDecisions } from './decisions.ts';
import type { DecisionWrite } from './decisions.ts';
import { DAY_MS, deleteDecisionsBefore, dropPartition, listPartitions, makePartition } from './history-partitions.ts';
import { decisionsOfLinks, historySince, newestDecisions, newestOfLinks, oldestDecisions } from './history.ts';
import { upsertIntegration } from './integrations.ts';

const stack = await isolatedStack('history');
const { pool } = await openTestDeps(stack);
const DAY = Date.UTC(2026, 2, 10);
const KEY = { tenantId: 'acme', integrationId: 'crm' };

for (const [tenant, integration] of [['acme', 'crm'], ['acme', 'erp'], ['other', 'crm']] as const) {
  await upsertIntegration(pool, zIntegration.parse({
    integration, tenant, system: 'hubspot', connection: { tokenEnv: 'T' }, bevatel: { baseUrl: 'http://bevatel.test', keyEnv: 'K' }, match: [], fields: [{ bevatel: 'company_name', external: 'company' }],
  }), 1);
}

function decisionAt(decidedAt: number, more: Partial<ContactDecision> = {}): ContactDecision {
  return {
    decisionId: `d${decidedAt}`, ...KEY, linkId: 'l1', bevatelId: 'b1', externalId: 'x1', causeId: 'c', cause: 'change', side: 'bevatel', verdict: 'propagate', groups: [], decidedAt, ...more,
  };
}

async function store(...decisions: readonly ContactDecision[]): Promise<void> {
  await inTransaction(pool, (transaction) => insertDecisions(transaction, decisions.map((decision, index): DecisionWrite => ({ decision, source: { source: 's-0', offset: index } }))));
}

async function rowsByPartition(): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ partition: string; count: string }>('select tableoid::regclass::text as partition, count(*) from decisions group by 1 order by 1');
  return Object.fromEntries(rows.map(({ partition, count }) => [partition, Number(count)]));
}

beforeEach(async () => {
  for (const { name } of await listPartitions(pool)) await pool.query(`drop table ${name}`);
  await pool.query('truncate decisions');
  await pool.query('update integrations set history_since = null');
});

describe('partitions', () => {
  it('a row whose day has no partition is kept all the same, and moves there when it is made', async () => {
    await store(decisionAt(DAY + 1), decisionAt(DAY + DAY_MS - 1), decisionAt(DAY + DAY_MS), decisionAt(5));
    expect(await rowsByPartition()).toEqual({ decisions_default: 4 });
    await makePartition(pool, DAY);
    expect(await rowsByPartition()).toEqual({ decisions_20260310: 2, decisions_default: 2 });
    await store(decisionAt(DAY + 7));
    expect(await rowsByPartition()).toEqual({ decisions_20260310: 3, decisions_default: 2 });
    expect(await listPartitions(pool)).toEqual([{ name: 'decisions_20260310', from: DAY, until: DAY + DAY_MS }]);
  });

  it('are made while decisions are written, and none is lost', async () => {
    let made = false;
    const writing = (async () => {
      for (let index = 0; !made || index < 50; index += 1) await store(decisionAt(DAY + index, { decisionId: `w${index}` }), decisionAt(DAY + DAY_MS + index, { decisionId: `v${index}` }));
    })();
    for (let day = 0; day < 3; day += 1) await makePartition(pool, DAY + day * DAY_MS);
    made = true;
    await writing;
    const counts = await rowsByPartition();
    expect(counts['decisions_20260310']).toBeGreaterThanOrEqual(50);
    expect(counts['decisions_20260311']).toBe(counts['decisions_20260310']);
    expect(counts['decisions_default']).toBeUndefined();
  });

  it('go with their rows, and it is noted since when all are kept; not while a row awaits its topic', async () => {
    await makePartition(pool, DAY);
    await makePartition(pool, DAY + DAY_MS);
    await store(decisionAt(DAY + 1), decisionAt(DAY + DAY_MS));
    const [first] = await listPartitions(pool);
    if (!first) throw new Error('no partition');
    await pool.query('update decisions set awaits_relay = true where decided_at = $1', [DAY + 1]);
    expect(await dropPartition(pool, first)).toBe(false);
    await pool.query('update decisions set awaits_relay = false');
    expect(await historySince(pool, KEY)).toBe(0);
    expect(await dropPartition(pool, first)).toBe(true);
    expect(await rowsByPartition()).toEqual({ decisions_20260311: 1 });
    expect(await historySince(pool, KEY)).toBe(DAY + DAY_MS);
    expect(await historySince(pool, { tenantId: 'nobody', integrationId: 'crm' })).toBeNull();
  });

  it('one integration\'s old rows go in batches, in whatever partition they lie', async () => {
    await makePartition(pool, DAY);
    await store(...[1, 2, 3].map((ms) => decisionAt(DAY + ms)), decisionAt(5), decisionAt(DAY + DAY_MS), decisionAt(DAY + 1, { tenantId: 'other', decisionId: 'theirs' }));
    const before = DAY + DAY_MS;
    expect([await deleteDecisionsBefore(pool, KEY, before, 3), await deleteDecisionsBefore(pool, KEY, before, 3), await deleteDecisionsBefore(pool, KEY, before, 3)]).toEqual([3, 1, 0]);
    expect((await newestDecisions(pool, { tenantId: null, integrationId: null, since: 0, until: 2 * DAY }, null, 10)).map(({ decisionId }) => decisionId)).toEqual([`d${DAY + DAY_MS}`, 'theirs']);
    expect([await historySince(pool, KEY), await historySince(pool, { tenantId: 'other', integrationId: 'crm' })]).toEqual([before, 0]);
  });

  it('I7: decisions of two days that await the sweep are each relayed once', async () => {
    await makePartition(pool, DAY);
    await makePartition(pool, DAY + DAY_MS);
    await inTransaction(pool, (transaction) => insertDecisions(transaction, [DAY + 1, DAY + 2, DAY + DAY_MS, DAY + DAY_MS + 1].map((at) => ({ decision: decisionAt(at), source: null }))));
    const told: string[] = [];
    const sweep = () => inTransaction(pool, (transaction) => relayAwaiting(transaction, 3, async (decisions) => { told.push(...decisions.map(({ decisionId }) => decisionId)); }));
    expect([await sweep(), await sweep(), await sweep()]).toEqual([3, 1, 0]);
    expect(told).toEqual([DAY + 1, DAY + 2, DAY + DAY_MS, DAY + DAY_MS + 1].map((at) => `d${at}`));
  });
});

describe('pages', () => {
  const many = (count: number): ContactDecision[] => Array.from({ length: count }, (_, index) => decisionAt(DAY + Math.floor(index / 4) * 1_000, { decisionId: `p${String(index).padStart(3, '0')}`, linkId: `l${index % 3}` }));

  it('miss and repeat nothing, also where many have one time, in either order', async () => {
    await makePartition(pool, DAY);
    const all = many(25);
    await store(...all, decisionAt(DAY, { integrationId: 'erp', decisionId: 'another' }));
    const span = { since: DAY, until: DAY + DAY_MS };
    const ids: string[] = [];
    for (let after: ContactDecision | null = null, page: ContactDecision[] = []; ; after = page.at(-1) ?? null) {
      page = await oldestDecisions(pool, KEY, span, after, 7);
      ids.push(...page.map(({ decisionId }) => decisionId));
      if (page.length === 0) break;
    }
    expect(ids).toEqual(all.map(({ decisionId }) => decisionId));
    const back: string[] = [];
    for (let before: ContactDecision | null = null, page: ContactDecision[] = []; ; before = page.at(-1) ?? null) {
      page = await newestDecisions(pool, { ...KEY, ...span }, before, 7);
      back.push(...page.map(({ decisionId }) => decisionId));
      if (page.length === 0) break;
    }
    expect(back).toEqual(ids.toReversed());
  });

  it('of links, the newest first; whole histories, the oldest first', async () => {
    const all = many(9);
    await store(...all);
    const ofFirst = all.filter(({ linkId }) => linkId === 'l0').map(({ decisionId }) => decisionId);
    expect((await newestOfLinks(pool, 'acme', ['l0', 'l9'], { since: 0, until: 2 * DAY }, null, 2)).map(({ decisionId }) => decisionId)).toEqual(ofFirst.toReversed().slice(0, 2));
    expect((await decisionsOfLink(pool, { tenantId: 'acme', linkId: 'l0' }, 2)).map(({ decisionId }) => decisionId)).toEqual(ofFirst.toReversed().slice(0, 2));
    const whole = await decisionsOfLinks(pool, 'acme', ['l0', 'l2']);
    expect([...whole].map(([link, decisions]) => [link, decisions.map(({ decisionId }) => decisionId)])).toEqual([['l0', ofFirst], ['l2', all.filter(({ linkId }) => linkId === 'l2').map(({ decisionId }) => decisionId)]]);
    expect(await decisionsOfLinks(pool, 'other', ['l0'])).toEqual(new Map());
  });
});

describe('what a statement looks at, before there are statistics', () => {
  /** The plan that the pool's settings give it, kept for all parameters; the partitions that were scanned, and their indexes. */
  async function scans(work: (queries: object) => Promise<unknown>): Promise<{ partitions: string[]; plan: string }> {
    const statements: { text: string; values: unknown[] }[] = [];
    await work({ query: (asked: string | { text: string; values: unknown[] }, values: unknown[] = []) => {
      statements.push(typeof asked === 'string' ? { text: asked, values } : asked);
      return Promise.resolve({ rows: [] });
    } });
    const [statement] = statements;
    if (!statement) throw new Error('nothing was asked');
    const client = await pool.connect();
    try {
      await client.query(`prepare it as ${statement.text}`);
      const literals = statement.values.map((value) => (Array.isArray(value) ? client.escapeLiteral(`{${value.join(',')}}`) : value === null ? 'null' : client.escapeLiteral(String(value))));
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain (analyze, costs off, timing off, summary off, buffers off) execute it(${literals.join(', ')})`);
      await client.query('deallocate it');
      const plan = rows.map((row) => row['QUERY PLAN']).filter((line) => !line.includes('never executed')).join('\n');
      return { plan, partitions: [...new Set(plan.match(/\bdecisions_(?:\d{8}|default)\b(?= |$)/gm) ?? [])].sort() };
    } finally {
      client.release();
    }
  }
  type Asked = Parameters<typeof newestDecisions>[0];
  const asPool = (queries: object): Asked => queries as Asked;

  beforeEach(async () => {
    for (let day = 0; day < 8; day += 1) await makePartition(pool, DAY + day * DAY_MS);
    for (let day = 0; day < 8; day += 1) {
      await store(...Array.from({ length: 400 }, (_, index) => decisionAt(DAY + day * DAY_MS + index, { decisionId: `${day}-${index}`, linkId: `l${index}`, tenantId: index % 2 === 0 ? 'acme' : 'other' })));
    }
  });

  it('the relay of a consumer: the days since its mark, by time', async () => {
    const { partitions, plan } = await scans((queries) => unrelayedDecisions(asPool(queries), 's-0', 0, DAY + 7 * DAY_MS + 7_200_000));
    expect(partitions).toEqual(['decisions_20260317', 'decisions_default']);
    expect(plan).toMatch(/Bitmap Index Scan on decisions_20260317_decided_at_idx/);
    expect(plan).not.toContain('Seq Scan');
  });

  it('a page of the history: the days of its span, by integration', async () => {
    const span = { since: DAY + 2 * DAY_MS, until: DAY + 4 * DAY_MS };
    for (const { partitions, plan } of [
      await scans((queries) => newestDecisions(asPool(queries), { ...KEY, ...span }, null, 20)),
      await scans((queries) => oldestDecisions(asPool(queries), KEY, { since: span.since, until: span.until - 1 }, null, 20)),
    ]) {
      expect(partitions.filter((name) => name !== 'decisions_default' && name !== 'decisions_20260314')).toEqual(['decisions_20260312', 'decisions_20260313']);
      expect(plan).toMatch(/using decisions_20260313_tenant_id_integration_id_decided_at_idx/);
    }
  });

  it('the decisions of a link: by its id, in every partition', async () => {
    for (const { plan } of [
      await scans((queries) => decisionsOfLink(asPool(queries), { tenantId: 'acme', linkId: 'l8' }, 10)),
      await scans((queries) => decisionsOfLinks(asPool(queries), 'acme', ['l8', 'l10'])),
      await scans((queries) => newestOfLinks(asPool(queries), 'acme', ['l8'], { since: 0, until: 2 * DAY }, null, 10)),
    ]) {
      expect(plan).toMatch(/decisions_20260310_link_id_idx/);
      expect(plan).not.toMatch(/Seq Scan|decisions_20260310_tenant_id/);
    }
  });

  it('the sweep: the partial index, empty but for what waits', async () => {
    const { plan } = await scans((queries) => relayAwaiting(queries as Parameters<typeof relayAwaiting>[0], 500, () => Promise.resolve()));
    expect(plan).toMatch(/using decisions_20260317_decided_at_idx1/);
    expect(plan).not.toContain('Seq Scan');
  });
});

describe('the migration', () => {
  it('keeps what was decided before: the old table becomes the partition of all days until now, what was ahead of its time goes to the default one', async () => {
    const all = await loadMigrations();
    const names = all.map((one) => new one().name ?? '');
    const own = names.findIndex((name) => name.startsWith('History'));
    const client = new pg.Client({ connectionString: stack.databaseUrl });
    await client.connect();
    await client.query('create database history_before');
    const url = new URL(stack.databaseUrl);
    url.pathname = '/history_before';
    const old = new pg.Client({ connectionString: url.href });
    try {
      await migrate({ databaseUrl: url.href, migrations: all.slice(0, own) });
      await old.connect();
      const insert = `insert into decisions (tenant_id, integration_id, link_id, decided_at, decision_id, cause, cause_id, verdict, groups) select 'acme', 'crm', 'l1', at, 'd' || at, 'change', 'c', 'propagate', '[]' from unnest($1::bigint[]) as at`;
      const ahead = Date.now() + 30 * DAY_MS;
      await old.query(insert, [[1_000, Date.now(), ahead]]);
      await migrate({ databaseUrl: url.href, migrations: all });
      const { rows } = await old.query<{ partition: string; decided_at: string }>('select tableoid::regclass::text as partition, decided_at from decisions order by decided_at');
      expect(rows.map(({ partition, decided_at: at }) => [partition, Number(at) === ahead])).toEqual([['decisions_before', false], ['decisions_before', false], ['decisions_default', true]]);
      const { rows: indexes } = await old.query<{ indexdef: string }>("select indexdef from pg_indexes where tablename = 'decisions_before'");
      expect(indexes.filter(({ indexdef }) => /hash \(link_id\)|btree \(tenant_id, integration_id, decided_at\)|brin|where awaits_relay/i.test(indexdef))).toHaveLength(4);
    } finally {
      await old.end();
      await client.query('drop database history_before with (force)');
      await client.end();
    }
  });
});
