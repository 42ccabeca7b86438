/** Polling finds every change in spite of a lagging index, equal stamps and page caps. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PollPosition } from '../connector.ts';
import type { HubSpotAnswer } from './client.ts';
import { nextWindow, pollContacts, SHORT_OVERLAP_MS } from './poll.ts';
import type { ConnectorOnSandbox } from './sandbox/fixture.ts';
import { connectorOnSandbox } from './sandbox/fixture.ts';

const INDEX_LAG_MS = 300_000;
let at: ConnectorOnSandbox;
let nowMs: number;

beforeEach(async () => {
  nowMs = 1_767_225_600_000;
  at = await connectorOnSandbox({ now: () => nowMs });
});
afterEach(async () => at.sandbox.stop());

/** Polls until there is no more; gives the ids and where to go on. */
async function poll(from: PollPosition | null): Promise<{ readonly ids: string[]; readonly next: PollPosition; readonly calls: number }> {
  const ids: string[] = [];
  let position = from;
  for (let calls = 1; ; calls += 1) {
    const page = await at.connector.changedSince(position, at.options);
    ids.push(...page.changed.map(({ id }) => id));
    position = page.next;
    if (!page.more) return { ids, next: page.next, calls };
  }
}

describe('changedSince', () => {
  it('starts at the server\'s present time and then finds what changes', async () => {
    const [old = '', edited = ''] = at.sandbox.control.seed([{ firstname: 'old' }, { firstname: 'edited' }]);
    nowMs += 60_000;
    const start = await poll(null);
    expect(start).toMatchObject({ ids: [], next: { fromMs: nowMs } });
    nowMs += 1_000;
    at.sandbox.control.edit(edited, { firstname: 'new' });
    const page = await at.connector.changedSince(start.next, at.options);
    expect(page.changed).toEqual([{ id: edited, revision: String(nowMs), modifiedAt: nowMs }]);
    expect(page.changed.map(({ id }) => id)).not.toContain(old);
  });

  it('pages through more contacts of one stamp than a query may return', async () => {
    const { next } = await poll(null);
    const ids = at.sandbox.control.seed(Array.from({ length: 10_450 }, (_, index) => ({ firstname: `n${index}` })));
    const found = await poll(next);
    expect(found.ids).toEqual(ids);
    expect(found.calls).toBe(53);
  });

  it('finds a change that is made behind the page position while it pages', async () => {
    const { next } = await poll(null);
    const ids = at.sandbox.control.seed(Array.from({ length: 250 }, (_, index) => ({ firstname: `n${index}` })));
    nowMs += 60_000;
    const first = await at.connector.changedSince({ ...next, fromMs: nowMs - 60_000 }, at.options);
    expect(first.more).toBe(true);
    nowMs += 1_000;
    at.sandbox.control.edit(ids[0] ?? '', { firstname: 'behind' });
    nowMs += 30_000;
    const rest = await poll(first.next);
    expect(rest.ids).not.toContain(ids[0]);
    nowMs += 1_000;
    expect((await poll(rest.next)).ids).toContain(ids[0]);
  });

  it('finds a change whose index entry came minutes late, in the next deep window', async () => {
    const [id = ''] = at.sandbox.control.seed([{ firstname: 'a' }]);
    nowMs += 600_000;
    let { next } = await poll(null);
    at.sandbox.control.setIndexLagMs(120_000);
    at.sandbox.control.edit(id, { firstname: 'late' });
    const found: string[] = [];
    for (let minute = 0; minute < 5; minute += 1) {
      nowMs += 60_000;
      const polled = await poll(next);
      found.push(...polled.ids);
      next = polled.next;
    }
    expect(found).toEqual([]);
    nowMs += 60_000;
    expect((await poll(next)).ids).toEqual([id]);
  });

  it('overlaps shortly as a rule, and by the whole index lag once per index lag', () => {
    const startedMs = 1_000_000;
    expect(nextWindow({ startedMs, deepStartedMs: startedMs - INDEX_LAG_MS + 1, deep: 0 }, INDEX_LAG_MS)).toEqual({
      fromMs: startedMs - SHORT_OVERLAP_MS, lastId: '0', startedMs: null, deepStartedMs: startedMs - INDEX_LAG_MS + 1, deep: 0,
    });
    const due = nextWindow({ startedMs, deepStartedMs: startedMs - INDEX_LAG_MS, deep: 0 }, INDEX_LAG_MS);
    expect(due).toMatchObject({ fromMs: startedMs - 2 * INDEX_LAG_MS, deep: 1 });
    expect(nextWindow({ startedMs, deepStartedMs: due.deepStartedMs, deep: 1 }, INDEX_LAG_MS)).toMatchObject({ fromMs: startedMs - SHORT_OVERLAP_MS, deepStartedMs: startedMs, deep: 0 });
  });

  it('gives up on a page that makes no progress, and on a position of another system', async () => {
    const looping = { call: async (): Promise<HubSpotAnswer> => ({
      status: 200, serverTimeMs: nowMs, body: { results: [{ id: '5', updatedAt: new Date(nowMs).toISOString() }] },
    }) };
    const position = { fromMs: 1, lastId: '5', startedMs: 1, deepStartedMs: 1, deep: 0 };
    await expect(pollContacts({ client: looping, indexLagMs: 0 }, position, at.options)).rejects.toMatchObject({ code: 'unexpected_answer' });
    await expect(at.connector.changedSince({ cursor: 'x' }, at.options)).rejects.toMatchObject({ code: 'unexpected_answer' });
  });
});
