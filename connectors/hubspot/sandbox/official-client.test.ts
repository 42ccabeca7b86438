/** The official client, which nobody here wrote, runs against the sandbox: paths, statuses and typed models agree. */
import { Client, Signature } from '@hubspot/api-client';
import { FilterOperatorEnum } from '@hubspot/api-client/lib/codegen/crm/contacts/models/Filter.js';
import { PropertyCreateFieldTypeEnum, PropertyCreateTypeEnum } from '@hubspot/api-client/lib/codegen/crm/properties/models/PropertyCreate.js';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { HubSpotSandbox } from './start.ts';
import { startHubSpotSandbox } from './start.ts';

let sandbox: HubSpotSandbox;
let client: Client;

beforeAll(async () => {
  sandbox = await startHubSpotSandbox({ uniqueProperties: ['bevatel_contact_id'] });
  client = new Client({ accessToken: sandbox.token, basePath: sandbox.url, limiterOptions: { maxConcurrent: 6 } });
});
afterAll(async () => sandbox.stop());

const fault = async (call: Promise<unknown>): Promise<{ readonly code: number; readonly body: Record<string, unknown> }> => {
  const error: unknown = await call.then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: expect.any(Number), body: expect.anything() });
  const { code, body } = error as { readonly code: number; readonly body: unknown };
  return { code, body: (typeof body === 'string' ? JSON.parse(body) : body) as Record<string, unknown> };
};

describe('official HubSpot client', () => {
  it('creates, reads by id and by e-mail, updates, clears and archives', async () => {
    const { basicApi } = client.crm.contacts;
    const created = await basicApi.create({ properties: { email: 'Mona@Example.test', firstname: 'منى' }, associations: [] });
    expect(created.properties).toMatchObject({ email: 'mona@example.test', firstname: 'منى' });
    expect(created.createdAt).toBeInstanceOf(Date);
    expect((await basicApi.getById(created.id, ['firstname', 'phone'])).properties).toMatchObject({ firstname: 'منى', phone: null });
    const byEmail = await basicApi.getById('MONA@example.test', ['email'], undefined, undefined, false, 'email');
    expect(byEmail.id).toBe(created.id);
    await basicApi.update(created.id, { properties: { firstname: '', phone: '+966500000001' } });
    const read = await basicApi.getById(created.id, ['firstname', 'phone'], ['phone', 'firstname']);
    expect(read.properties).toMatchObject({ firstname: null, phone: '+966500000001' });
    expect(read.propertiesWithHistory?.['firstname']?.map(({ value }) => value)).toEqual(['', 'منى']);
    expect(read.propertiesWithHistory?.['phone']?.[0]).toMatchObject({ sourceType: 'INTEGRATION', sourceId: String(sandbox.appId), timestamp: expect.any(Date) });
    await basicApi.archive(created.id);
    expect((await fault(basicApi.getById(created.id))).code).toBe(404);
    expect((await basicApi.getById(created.id, undefined, undefined, undefined, true)).archivedAt).toBeInstanceOf(Date);
  });

  it('answers 409 with the existing id in the message only, and 400 for what the properties forbid', async () => {
    const { basicApi } = client.crm.contacts;
    const first = await basicApi.create({ properties: { email: 'taken@example.test', bevatel_contact_id: 'b-taken' }, associations: [] });
    const sameEmail = await fault(basicApi.create({ properties: { email: 'TAKEN@example.test' }, associations: [] }));
    expect(sameEmail).toMatchObject({ code: 409, body: { category: 'CONFLICT', message: `Contact already exists. Existing ID: ${first.id}` } });
    const sameKey = await fault(basicApi.create({ properties: { firstname: 'x', bevatel_contact_id: 'b-taken' }, associations: [] }));
    expect(sameKey.code).toBe(409);
    expect(sameKey.body['message']).toContain(first.id);
    const invalid = await fault(basicApi.create({ properties: { email: 'no address', nosuch: '1', hs_lead_status: 'Label', createdate: '1' }, associations: [] }));
    expect(invalid).toMatchObject({ code: 400, body: { category: 'VALIDATION_ERROR' } });
    const codes = (invalid.body['errors'] as { code: string }[]).map(({ code }) => code).toSorted();
    expect(codes).toEqual(['INVALID_EMAIL', 'INVALID_OPTION', 'PROPERTY_DOESNT_EXIST', 'READ_ONLY_VALUE']);
  });

  it('reports bad rows of a batch by trace id, and fails the whole batch without them', async () => {
    const { batchApi, basicApi } = client.crm.contacts;
    const row = (email: string, objectWriteTraceId?: string) =>
      ({ properties: { email }, associations: [], ...(objectWriteTraceId === undefined ? {} : { objectWriteTraceId }) });
    const partial = await batchApi.create({ inputs: [row('one@batch.test', 't1'), row('bad', 't2'), row('one@batch.test', 't3')] });
    expect(partial).toMatchObject({ status: 'COMPLETE', numErrors: 2, results: [{ objectWriteTraceId: 't1' }] });
    const errors = 'errors' in partial ? partial.errors ?? [] : [];
    expect(errors.map(({ category, context }) => [category, context['objectWriteTraceId']])).toEqual([['VALIDATION_ERROR', ['t2']], ['CONFLICT', ['t3']]]);
    const whole = await fault(batchApi.create({ inputs: [row('two@batch.test'), row('bad')] }));
    expect(whole.code).toBe(400);
    expect((await fault(basicApi.getById('two@batch.test', undefined, undefined, undefined, false, 'email'))).code).toBe(404);
    expect((await fault(batchApi.create({ inputs: Array.from({ length: 101 }, (_, index) => row(`many${index}@batch.test`)) }))).code).toBe(400);
  });

  it('upserts by a custom unique property, updates, reads with missing ids, and archives in batch', async () => {
    const { batchApi } = client.crm.contacts;
    const input = (id: string, firstname: string) => ({ idProperty: 'bevatel_contact_id', id, properties: { firstname }, objectWriteTraceId: id });
    const made = await batchApi.upsert({ inputs: [input('b-1', 'Ali'), input('b-2', 'Sara')] });
    expect(made.results.map((result) => result._new)).toEqual([true, true]);
    const again = await batchApi.upsert({ inputs: [input('b-2', 'Sarah')] });
    expect(again.results[0]).toMatchObject({ _new: false, properties: { firstname: 'Sarah', bevatel_contact_id: 'b-2' } });
    const ids = made.results.map(({ id }) => id);
    const updated = await batchApi.update({
      inputs: [...ids, '999999'].map((id) => ({ id, properties: { city: 'الرياض' }, objectWriteTraceId: `u${id}` })),
    });
    expect(updated.results).toHaveLength(2);
    expect('errors' in updated && updated.errors?.[0]).toMatchObject({ category: 'OBJECT_NOT_FOUND', context: { objectWriteTraceId: ['u999999'] } });
    const read = await batchApi.read({ inputs: [...ids, '999999'].map((id) => ({ id })), properties: ['city'], propertiesWithHistory: ['city'] });
    expect(read.results.map(({ properties }) => properties['city'])).toEqual(['الرياض', 'الرياض']);
    expect(read.results[0]?.propertiesWithHistory?.['city']).toHaveLength(1);
    expect('errors' in read && read.errors?.[0]?.context).toEqual({ ids: ['999999'] });
    await batchApi.archive({ inputs: ids.map((id) => ({ id })) });
    expect((await batchApi.read({ inputs: ids.map((id) => ({ id })), properties: [], propertiesWithHistory: [] })).results).toEqual([]);
  });

  it('archives in batch whatever is there, frees unique values, and keeps what was archived until a person restores it', async () => {
    const { batchApi, basicApi } = client.crm.contacts;
    const made = await basicApi.create({ properties: { email: 'archived@example.test', bevatel_contact_id: 'b-archived' }, associations: [] });
    await batchApi.archive({ inputs: [{ id: made.id }, { id: '999999' }] });
    await batchApi.archive({ inputs: [{ id: made.id }] });
    const read = (archived: boolean) => batchApi.read({ inputs: [{ id: made.id }], properties: ['email'], propertiesWithHistory: [] }, archived);
    expect([(await read(false)).results, (await read(true)).results.map(({ id, archived }) => [id, archived])]).toEqual([[], [[made.id, true]]]);
    const again = await basicApi.create({ properties: { email: 'archived@example.test', bevatel_contact_id: 'b-archived' }, associations: [] });
    expect(again.id).not.toBe(made.id);
    sandbox.control.restore(made.id);
    expect((await read(false)).results.map(({ id }) => id)).toEqual([made.id]);
    expect((await fault(batchApi.archive({ inputs: Array.from({ length: 101 }, (_, index) => ({ id: String(index) })) }))).code).toBe(400);
  });

  it('deletes for privacy by id, also what was archived, and blocks an address that nobody has', async () => {
    const { basicApi } = client.crm.contacts;
    const [live, archived] = sandbox.control.seed([{ email: 'live@gdpr.test' }, { email: 'archived@gdpr.test' }]) as [string, string];
    await basicApi.archive(archived);
    await basicApi.purge({ objectId: live });
    await basicApi.purge({ objectId: archived });
    expect((await fault(basicApi.getById(live))).code).toBe(404);
    expect((await fault(basicApi.getById(archived, undefined, undefined, undefined, true))).code).toBe(404);
    expect((await fault(basicApi.purge({ objectId: live }))).code).toBe(404);
    await basicApi.purge({ objectId: 'nobody@gdpr.test', idProperty: 'email' });
    expect((await fault(basicApi.create({ properties: { email: 'nobody@gdpr.test' }, associations: [] }))).code).toBe(400);
  });

  it('searches with filters, a sort and paging, and refuses to go past 10,000 results', async () => {
    const ids = sandbox.control.seed(Array.from({ length: 250 }, (_, index) => ({ firstname: `S${index}`, company: 'Search Co' })));
    const filters = [{ propertyName: 'company', operator: FilterOperatorEnum.Eq, value: 'Search Co' }];
    const search = (limit: number, after: string, minId = '0') => client.crm.contacts.searchApi.doSearch({
      filterGroups: [{ filters: [...filters, { propertyName: 'hs_object_id', operator: FilterOperatorEnum.Gt, value: minId }] }],
      sorts: ['hs_object_id'], properties: ['firstname'], limit, after,
    });
    const first = await search(200, '0');
    expect([first.total, first.results.length, first.paging?.next?.after]).toEqual([250, 200, '200']);
    const second = await search(200, '200');
    expect([...first.results, ...second.results].map(({ id }) => id)).toEqual(ids);
    expect(second.paging).toBeUndefined();
    expect((await search(10, '0', ids[239])).results.map(({ id }) => id)).toEqual(ids.slice(240));
    expect((await fault(search(201, '0'))).code).toBe(400);
    expect((await fault(search(100, '9950'))).code).toBe(400);
  });

  it('lists with paging and discovers and creates properties', async () => {
    const page = await client.crm.contacts.basicApi.getPage(100, undefined, ['email']);
    expect(page.results).toHaveLength(100);
    const next = await client.crm.contacts.basicApi.getPage(100, page.paging?.next?.after, ['email']);
    expect(Number(next.results[0]?.id)).toBeGreaterThan(Number(page.results.at(-1)?.id));
    const { coreApi } = client.crm.properties;
    const made = { name: 'branch', label: 'Branch', groupName: 'contactinformation', type: PropertyCreateTypeEnum.String, fieldType: PropertyCreateFieldTypeEnum.Text, hasUniqueValue: true };
    expect(await coreApi.create('contacts', made)).toMatchObject({ name: 'branch', hasUniqueValue: true });
    expect(await fault(coreApi.create('contacts', made))).toMatchObject({ code: 409, body: { category: 'OBJECT_ALREADY_EXISTS' } });
    expect((await fault(coreApi.getByName('contacts', 'nosuch'))).code).toBe(404);
    const { results } = await coreApi.getAll('contacts');
    expect(results.find(({ name }) => name === 'hs_object_id')?.modificationMetadata?.readOnlyValue).toBe(true);
    expect(results.find(({ name }) => name === 'lifecyclestage')?.options.map(({ value }) => value)).toContain('customer');
    expect((await client.crm.owners.ownersApi.getPage()).results[0]).toMatchObject({ id: '7001', userId: 55 });
  });

  it.each([false, true])('merges two contacts (third id minted: %s)', async (mints) => {
    const { basicApi } = client.crm.contacts;
    sandbox.control.setMergeMintsId(mints);
    const [primary, secondary] = sandbox.control.seed([{ email: `p${mints}@m.test` }, { email: `s${mints}@m.test`, phone: '+966511111111' }]) as [string, string];
    const survivor = await basicApi.merge({ primaryObjectId: primary, objectIdToMerge: secondary });
    expect(survivor.id === primary).toBe(!mints);
    const read = await basicApi.getById(survivor.id, ['email', 'phone', 'hs_merged_object_ids', 'hs_additional_emails']);
    expect(read.properties).toMatchObject({
      email: `p${mints}@m.test`, phone: '+966511111111', hs_additional_emails: `s${mints}@m.test`,
      hs_merged_object_ids: mints ? `${primary};${secondary}` : secondary,
    });
    expect((await fault(basicApi.getById(secondary))).code).toBe(404);
  });

  it('signs webhooks so that the official helper accepts v1 and v3', async () => {
    const received: { readonly body: string; readonly headers: Record<string, unknown> }[] = [];
    const receiver = Fastify();
    receiver.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    receiver.post('/hook', async (request) => {
      received.push({ body: request.body as string, headers: request.headers });
      return {};
    });
    const url = `${await receiver.listen({ host: '127.0.0.1', port: 0 })}/hook`;
    try {
      sandbox.control.configureWebhooks({ targetUrl: url });
      sandbox.control.create({ firstname: 'محمد' });
      await vi.waitFor(() => expect(received).toHaveLength(1));
      const { body, headers } = received[0] as (typeof received)[number];
      const timestamp = Number(headers['x-hubspot-request-timestamp']);
      const v3 = { signature: String(headers['x-hubspot-signature-v3']), clientSecret: sandbox.clientSecret, requestBody: body, url, timestamp };
      expect(Signature.isValid({ ...v3, signatureVersion: 'v3', method: 'POST' })).toBe(true);
      expect(Signature.isValid({ ...v3, signature: String(headers['x-hubspot-signature']), signatureVersion: 'v1' })).toBe(true);
      expect(Signature.isValid({ ...v3, requestBody: `${body} `, signatureVersion: 'v3', method: 'POST' })).toBe(false);
    } finally {
      sandbox.control.configureWebhooks({ targetUrl: null });
      await receiver.close();
    }
  });
});
