import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { Connector, ReadResult } from '../../connectors/connector.ts';
import { sleep } from '../../runtime/sleep.ts';
import { SyncError } from '../../schemas/errors.ts';
import type { LiveIntegration } from './integration-set.ts';
import { createCaptureMetrics } from './metrics.ts';
import { readRecords } from './read-records.ts';

/** A system that chokes on some ids, tells nothing of others, and has merged `lost` into `kept`. */
function system(read: (ids: readonly string[]) => readonly ReadResult[]) {
  const calls: (readonly string[])[] = [];
  const connector = {
    system: 'test', capabilities: { batch: { read: 4 }, history: true },
    read: (ids: readonly string[]) => {
      calls.push(ids);
      return new Promise<readonly ReadResult[]>((resolve) => resolve(read(ids)));
    },
  } as unknown as Connector;
  const integration = { tenantId: 't', integrationId: 'i', fields: { external: ['firstname'], bevatel: [] }, connector: () => connector } as unknown as LiveIntegration;
  return { calls, integration };
}
function found(id: string): ReadResult {
  return { kind: 'found', id, record: { id, revision: '1', values: { firstname: id }, fieldTimes: {}, histories: {}, modifiedAt: 1, references: {}, mergedIds: [] } };
}
const options = { timeoutMs: 1_000, metrics: createCaptureMetrics(new Registry()), clock: () => 5, newId: () => 'id', sleep };
const request = { side: 'external', lane: 'live', alongside: [], signal: new AbortController().signal } as const;

describe('readRecords', () => {
  it('I8: halves a batch that is refused for good, so that one bad record stops only itself', async () => {
    const { integration } = system((ids) => {
      if (ids.includes('bad')) throw new SyncError('unexpected_answer', 'broken');
      return ids.map(found);
    });
    const { changes, faults } = await readRecords(options, { ...request, integration, ids: ['1', '2', 'bad', '3', '4', '5'] });
    expect(changes.map(({ recordId }) => recordId).toSorted()).toEqual(['1', '2', '3', '4', '5']);
    expect(faults).toEqual([{ id: 'bad', error: expect.objectContaining({ code: 'unexpected_answer' }) as unknown }]);
  });

  it.each(['system_unavailable', 'unauthorised', 'configuration_missing'] as const)('%s is thrown: nothing is known of any record', async (code) => {
    const { integration, calls } = system(() => { throw new SyncError(code, 'away'); });
    await expect(readRecords(options, { ...request, integration, ids: ['1', '2'] })).rejects.toMatchObject({ code });
    expect(calls).toHaveLength(1);
  });

  it('asks for no more ids than the system takes at once', async () => {
    const { integration, calls } = system((ids) => ids.map(found));
    const { changes } = await readRecords(options, { ...request, integration, ids: ['1', '2', '3', '4', '5', '1'] });
    expect(calls.map((ids) => ids.length)).toEqual([4, 1]);
    expect(changes).toHaveLength(5);
  });

  it('I9: absence is told as it was proven, and silence is no proof', async () => {
    const { integration } = system(() => [{ kind: 'gone', id: '1', how: 'not_found' }, { kind: 'gone', id: '2', how: 'erased' }, { kind: 'merged', id: '3', mergedInto: '9' }]);
    const { changes, faults } = await readRecords(options, { ...request, integration, ids: ['1', '2', '3', '4'] });
    expect(changes.map(({ recordId, kind, mergedInto, readById }) => [recordId, kind, mergedInto, readById])).toEqual([['1', 'deleted', null, true], ['2', 'erased', null, true], ['3', 'merged', '9', true]]);
    expect(faults.map(({ id }) => id)).toEqual(['4']);
  });

  it('reads the survivors that were named beside the lost ids', async () => {
    const { integration, calls } = system((ids) => ids.map(found));
    await readRecords(options, { ...request, integration, ids: ['lost'], alongside: ['kept', 'lost'] });
    expect(calls).toEqual([['lost', 'kept']]);
  });
});
