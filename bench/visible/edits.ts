/**
 * Edits at a steady rate, half of them on each side, and the moment at which each value stands on the other side.
 *
 * Nothing is asked over HTTP: a trigger of this figure's own in Bevatel's database notifies at the commit that makes a
 * value visible; HubSpot's records are in this process and looked at every millisecond.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { TENANT } from '../integration.ts';
import type { Pair, Sides } from '../service.ts';

export interface Lags {
  /** Milliseconds from the committed edit to the value readable on the other side. */
  readonly toExternal: readonly number[];
  readonly toBevatel: readonly number[];
}

export interface EditOptions {
  readonly sides: Sides;
  /** Half of them are edited in Bevatel, half in HubSpot; each value of the figure is new. */
  readonly pairs: readonly Pair[];
  readonly perSecond: number;
  readonly seconds: number;
  /** Tells the values of one run from those of another. */
  readonly label: string;
}

const WARM_UP = 100;
const LAST_WITHIN_MS = 20_000;

const TRIGGER = `
  create or replace function bench_visible() returns trigger language plpgsql as $$
  begin perform pg_notify('bench_visible', new.id || ' ' || coalesce(new.custom ->> 'job_title', '')); return null; end $$;
  create or replace trigger bench_visible after update on contacts for each row execute function bench_visible()`;

/** Throws when an edit did not arrive. */
export async function measureEdits({ sides, pairs, perSecond, seconds, label }: EditOptions): Promise<Lags> {
  const arrivals = await openArrivals(sides);
  try {
    const begun = performance.now();
    for (let index = 0; index < perSecond * seconds + WARM_UP; index += 1) {
      const dueAt = begun + (index * 1_000) / perSecond;
      if (dueAt > performance.now()) await sleep(dueAt - performance.now());
      const pair = pairs[index % pairs.length];
      if (pair) void edit(sides, arrivals, pair, index, `${label} ${index}`);
    }
    await arrivals.all(LAST_WITHIN_MS);
    return arrivals.lags;
  } finally {
    await arrivals.close();
  }
}

/** Even numbers in Bevatel by SQL, odd ones in HubSpot as a person. */
async function edit(sides: Sides, arrivals: Arrivals, { bevatelId, externalId }: Pair, index: number, value: string): Promise<void> {
  const isCounted = index >= WARM_UP;
  if (index % 2 === 1) {
    sides.hubspot.control.edit(externalId, { jobtitle: value });
    arrivals.expect('bevatel', bevatelId, value, isCounted);
    return;
  }
  arrivals.awaitCommit(externalId, value);
  await sides.bevatel.control.sql('update contacts set company_name = $3 where tenant_id = $1 and id = $2', [TENANT, bevatelId, value]);
  arrivals.expect('external', externalId, value, isCounted);
}

interface Arrivals {
  readonly lags: { toExternal: number[]; toBevatel: number[] };
  awaitCommit(id: string, value: string): void;
  expect(side: 'bevatel' | 'external', id: string, value: string, isCounted: boolean): void;
  all(withinMs: number): Promise<void>;
  close(): Promise<void>;
}

async function openArrivals({ databaseUrl, hubspot }: Sides): Promise<Arrivals> {
  const lags = { toExternal: [] as number[], toBevatel: [] as number[] };
  const expected = { bevatel: new Map<string, { at: number; isCounted: boolean }>(), external: new Map<string, { at: number; isCounted: boolean; id: string; value: string }>() };
  const committing = new Set<string>();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(TRIGGER);
  client.on('notification', ({ payload = '' }) => {
    const known = expected.bevatel.get(payload);
    if (!known) return;
    expected.bevatel.delete(payload);
    if (known.isCounted) lags.toBevatel.push(performance.now() - known.at);
  });
  await client.query('listen bench_visible');
  const looking = setInterval(() => {
    for (const [key, { at, isCounted, id, value }] of expected.external) {
      if (hubspot.control.contact(id)?.properties['company'] !== value) continue;
      expected.external.delete(key);
      if (isCounted) lags.toExternal.push(performance.now() - at);
    }
  }, 1);
  return {
    lags,
    awaitCommit: (id, value) => { committing.add(`${id} ${value}`); },
    expect: (side, id, value, isCounted) => {
      const key = `${id} ${value}`;
      committing.delete(key);
      if (side === 'bevatel') expected.bevatel.set(key, { at: performance.now(), isCounted });
      else expected.external.set(key, { at: performance.now(), isCounted, id, value });
    },
    all: async (withinMs) => {
      const deadline = performance.now() + withinMs;
      while (committing.size + expected.bevatel.size + expected.external.size > 0) {
        if (performance.now() > deadline) throw new Error(`${expected.external.size} edits did not reach HubSpot, ${expected.bevatel.size} did not reach Bevatel`);
        await sleep(20);
      }
    },
    close: async () => {
      clearInterval(looking);
      await client.query('drop trigger if exists bench_visible on contacts');
      await client.end();
    },
  };
}
