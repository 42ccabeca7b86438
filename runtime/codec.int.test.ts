import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isolatedStack } from '../tests/stack/fixture.ts';
import type { ContactChange } from '../schemas/change.ts';
import type { ContactDecision, DeadLetter } from '../schemas/decision.ts';
import { TOPICS, subjectName } from '../schemas/topics.ts';
import { createCodecs, readSchema } from './codec.ts';
import type { Codecs } from './codec.ts';

const stack = await isolatedStack('codec');
const registryUrl = stack.schemaRegistryUrl;

const CHANGE: ContactChange = {
  changeId: 'c1', tenantId: 't1', side: 'external', integrationId: 'i1', recordId: '42', kind: 'image', revision: null,
  image: { phone: '+966501234567', email: null }, fieldTimes: {}, histories: {}, modifiedAt: null, observedFrom: 1, observedTo: 2,
  readById: false, capture: 'read', references: {}, mergedIds: [], mergedInto: null,
};

let codecs: Codecs;
beforeAll(async () => {
  codecs = createCodecs({ registryUrl, topicPrefix: stack.topicPrefix });
  await codecs.prepare();
});

/** The registry, with a way to make it answer as it should not. */
let failing: ((path: string) => { readonly status: number; readonly body: object } | 'hang' | undefined) | undefined;
let proxy: Server;
let proxyUrl: string;
beforeAll(async () => {
  proxy = createServer((request, response) => {
    const told = failing?.(request.url ?? '');
    if (told === 'hang') return;
    if (told) {
      response.writeHead(told.status, { 'content-type': 'application/json' }).end(JSON.stringify(told.body));
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => void (async () => {
      const body = parts.length > 0 ? Buffer.concat(parts) : null;
      const answer = await fetch(new URL(request.url ?? '', registryUrl), { method: request.method ?? 'GET', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' }, body });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(Buffer.from(await answer.arrayBuffer()));
    })());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${new URL(registryUrl).pathname}`;
});
afterEach(() => { failing = undefined; });
afterAll(() => new Promise((resolve) => { proxy.closeAllConnections(); proxy.close(resolve); }));

function withSchemaId(id: number, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeInt32BE(id, 1);
  return changed;
}

describe('createCodecs', () => {
  it('registers a subject per topic as BACKWARD_TRANSITIVE', async () => {
    for (const topic of TOPICS) {
      const answer = await fetch(`${registryUrl}/config/${encodeURIComponent(subjectName(stack.topicPrefix, topic.name))}`);
      expect(await answer.json(), topic.name).toMatchObject({ compatibilityLevel: 'BACKWARD_TRANSITIVE' });
    }
  });

  it('brings events back as they were; a process that knows nothing yet reads them too', async () => {
    const bytes = codecs.changes.encode(CHANGE);
    expect(codecs.changes.decodeNow(bytes)).toEqual(CHANGE);
    const decision: ContactDecision = {
      decisionId: 'd', tenantId: 't1', integrationId: 'i1', linkId: 'l', bevatelId: null, externalId: '42', causeId: 'c1', cause: 'change', side: 'external', verdict: 'propagate', decidedAt: 1,
      groups: [{ group: 'phone', verdict: 'propagate', rule: 'one_side_changed', writeTo: 'bevatel', write: ['+966501234567', null], base: [[null], ['x']] }],
    };
    expect(await codecs.decisions.decode(codecs.decisions.encode(decision))).toEqual(decision);
    const letter: DeadLetter = {
      deadLetterId: 'x', tenantId: null, integrationId: null, recordId: null, code: 'undecodable', stage: 'capture', topic: 't', partition: 0, offset: '1',
      key: new Uint8Array([1]), bytes: new Uint8Array([0, 255]), deadAt: 1,
    };
    expect(Buffer.from((await codecs.deadLetters.decode(codecs.deadLetters.encode(letter))).bytes)).toEqual(Buffer.from([0, 255]));
  });

  it('reads what an older schema wrote, with the defaults of what it did not know', async () => {
    const schema = readSchema('contact-change');
    const older = createCodecs({ registryUrl, topicPrefix: `${stack.topicPrefix}old.`, schemas: { 'contact-change': { ...schema, fields: schema.fields.filter((field: { name: string }) => field.name !== 'mergedIds') } } });
    await older.prepare();
    const bytes = older.changes.encode({ ...CHANGE, mergedIds: ['41'] });
    expect(codecs.changes.decodeNow(bytes)).toBeUndefined();
    expect(await codecs.changes.decode(bytes)).toEqual({ ...CHANGE, mergedIds: [] });
  });

  it('refuses to start with a schema that cannot read old records', async () => {
    const schema = readSchema('contact-change');
    const incompatible = { ...schema, fields: [...schema.fields, { name: 'added', type: 'string' }] };
    const next = createCodecs({ registryUrl, topicPrefix: stack.topicPrefix, schemas: { 'contact-change': incompatible } });
    await expect(next.prepare()).rejects.toMatchObject({ code: 'schema_incompatible' });
  });

  it('accepts a schema that grew by a field with a default', async () => {
    const schema = readSchema('contact-hint');
    const next = createCodecs({ registryUrl, topicPrefix: stack.topicPrefix, schemas: { 'contact-hint': { ...schema, fields: [...schema.fields, { name: 'added', type: ['null', 'string'], default: null }] } } });
    await next.prepare();
  });

  it('I8: tells poison apart, record by record', async () => {
    const good = codecs.changes.encode(CHANGE);
    const results = await codecs.changes.decodeAll([good, null, Buffer.from('{"no":"avro"}'), Buffer.from([0, 1]), good.subarray(0, 12), Buffer.concat([good, Buffer.from([7])]), withSchemaId(2_000_000_000, good), good]);
    expect(results.map((result) => (result.ok ? 'ok' : result.error.code))).toEqual(['ok', 'undecodable', 'undecodable', 'undecodable', 'undecodable', 'undecodable', 'undecodable', 'ok']);
  });

  it('I8: a registry that does not answer is never taken for poison', async () => {
    const reader = createCodecs({ registryUrl: proxyUrl, topicPrefix: stack.topicPrefix, timeoutMs: 500 });
    await reader.prepare();
    const foreign = withSchemaId(1_999_999_999, codecs.changes.encode(CHANGE));
    failing = () => ({ status: 503, body: { error_code: 50301, message: 'starting' } });
    await expect(reader.changes.decodeAll([foreign])).rejects.toMatchObject({ code: 'registry_unavailable' });
    failing = () => 'hang';
    await expect(reader.changes.decode(foreign)).rejects.toMatchObject({ code: 'registry_unavailable' });
    expect(await reader.changes.decode(codecs.changes.encode(CHANGE))).toEqual(CHANGE);
  });

  it('I8: a registry that lost our schemas is never taken for poison', async () => {
    const reader = createCodecs({ registryUrl: proxyUrl, topicPrefix: stack.topicPrefix });
    await reader.prepare();
    failing = () => ({ status: 404, body: { error_code: 40401, message: 'not found' } });
    await expect(reader.changes.decodeAll([withSchemaId(1_999_999_998, codecs.changes.encode(CHANGE))])).rejects.toMatchObject({ code: 'registry_unavailable' });
  });

  it('asks for an unknown schema once, not for every record that names it', async () => {
    const reader = createCodecs({ registryUrl: proxyUrl, topicPrefix: stack.topicPrefix });
    await reader.prepare();
    const asked: string[] = [];
    failing = (path) => { asked.push(path); return undefined; };
    const foreign = withSchemaId(1_999_999_997, codecs.changes.encode(CHANGE));
    const results = await reader.changes.decodeAll([foreign, foreign, foreign]);
    expect(results.every((result) => !result.ok)).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it('I11: refuses to encode what does not fit and names the paths, not the values', () => {
    const wrong = { ...CHANGE, image: { phone: { secret: '+966501234567' } } } as unknown as ContactChange;
    expect(() => codecs.changes.encode(wrong)).toThrow('does not fit ContactChange: image.phone');
  });

  it('says which service is missing when nobody answers at the start', async () => {
    await expect(createCodecs({ registryUrl: 'http://127.0.0.1:1/apis', topicPrefix: 'x.', timeoutMs: 3_000 }).prepare()).rejects.toMatchObject({ code: 'registry_unavailable' });
  });
});
