import { describe, expect, it } from 'vitest';
import { hubSpotWebhookDoor } from './webhook.ts';

const bytes = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const base = { eventId: 7, subscriptionId: 11, portalId: 42, appId: 9000, occurredAt: 1_767_225_600_000, attemptNumber: 0, objectId: 1001, objectTypeId: '0-1' };
const parse = (...events: unknown[]) => hubSpotWebhookDoor.parse(bytes(events));
const nothingMore = { field: null, value: null, mergedInto: null, occurredAt: base.occurredAt };

describe('webhook events as hints', () => {
  it.each([
    ['contact.creation', 'created'], ['contact.deletion', 'deleted'], ['contact.restore', 'restored'], ['contact.privacyDeletion', 'erased'],
    ['object.deletion', 'deleted'], ['contact.associationChange', 'changed'], ['contact.somethingNew', 'changed'],
  ])('%s is %s', (subscriptionType, event) => {
    expect(parse({ ...base, subscriptionType })).toEqual([{ account: '42', hint: { ...nothingMore, recordId: '1001', event } }]);
  });

  it('a property change names the field and the value', () => {
    const change = { ...base, subscriptionType: 'contact.propertyChange', propertyName: 'phone', propertyValue: '+966500000000', changeSource: 'CRM_UI', sourceId: 'userId:55' };
    expect(parse(change)[0]?.hint).toEqual({ ...nothingMore, recordId: '1001', event: 'changed', field: 'phone', value: '+966500000000' });
  });

  it('a masked or absent value is no value; the documented word for the type is accepted too', () => {
    const sensitive = { ...base, eventType: 'contact.propertyChange', propertyName: 'note', propertyValue: '***', isSensitive: true };
    const absent = { ...base, subscriptionType: 'contact.propertyChange', propertyName: 'note' };
    expect(parse(sensitive, absent).map(({ hint }) => [hint.field, hint.value])).toEqual([['note', null], ['note', null]]);
  });

  it('a merge tells the ids that are gone and where they went, also when a third id was minted', () => {
    const merge = { ...base, subscriptionType: 'contact.merge', primaryObjectId: 1, mergedObjectIds: [2, 3] };
    const told = (newObjectId: number) => parse({ ...merge, newObjectId }).map(({ hint }) => [hint.recordId, hint.event, hint.mergedInto]);
    expect(told(1)).toEqual([['2', 'merged', '1'], ['3', 'merged', '1'], ['1', 'changed', null]]);
    expect(told(9)).toEqual([['2', 'merged', '9'], ['3', 'merged', '9'], ['1', 'merged', '9'], ['9', 'changed', null]]);
  });

  it('events of other objects, or without a record, yield nothing', () => {
    const { objectId: _gone, ...unnamed } = base;
    expect(parse({ ...base, subscriptionType: 'company.creation' }, { ...base, subscriptionType: 'object.creation', objectTypeId: '0-2' }, { ...unnamed, subscriptionType: 'contact.creation' }, base)).toEqual([]);
  });

  it('routes each event of a batch by its portal', () => {
    const events = [42, 43].map((portalId) => ({ ...base, portalId, subscriptionType: 'contact.creation' }));
    expect(parse(...events).map(({ account }) => account)).toEqual(['42', '43']);
  });

  it.each([
    ['no JSON', 'oops'], ['an object', '{}'], ['an event without a portal', '[{"subscriptionType":"contact.creation","objectId":1}]'],
    ['an id that is none', '[{"portalId":42,"subscriptionType":"contact.creation","objectId":"../1"}]'], ['too many events', JSON.stringify(Array.from({ length: 1_001 }, () => base))],
  ])('refuses %s', (_name, body) => {
    expect(() => hubSpotWebhookDoor.parse(bytes(body))).toThrow(expect.objectContaining({ code: 'webhook_malformed' }));
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => hubSpotWebhookDoor.parse(Uint8Array.of(0x5b, 0xff, 0x5d))).toThrow(expect.objectContaining({ code: 'webhook_malformed' }));
  });
});

describe('verification', () => {
  const secret = 'bevatel-test-secret';
  const now = 1_767_225_601_000;
  const request = {
    method: 'POST', url: 'https://sync.example.test/hooks/hubspot', body: bytes('[{"name":"محمد"}]'),
    headers: { 'x-hubspot-signature-v3': 'F1Uim5wUVy1spRRBppXwasbPaOcYwNqOYWrVKThg+nY=', 'x-hubspot-request-timestamp': String(now) },
  };

  it('lets the vector through, and names why others are refused', () => {
    expect(hubSpotWebhookDoor.verify(request, secret, now)).toEqual({ ok: true });
    expect(hubSpotWebhookDoor.verify({ ...request, headers: {} }, secret, now)).toEqual({ ok: false, reason: 'missing_signature' });
    expect(hubSpotWebhookDoor.verify(request, 'other', now)).toEqual({ ok: false, reason: 'bad_signature' });
    expect(hubSpotWebhookDoor.verify(request, secret, now + 300_001)).toEqual({ ok: false, reason: 'stale_timestamp' });
  });

  it('a v1 signature alone, which no timestamp protects from replay, is not enough', () => {
    const headers = { 'x-hubspot-signature': '1280d10355d58ae7a99375f3d892ded5d587989d6b243d8bad2be90c2cb60d65', 'x-hubspot-signature-version': 'v1' };
    expect(hubSpotWebhookDoor.verify({ ...request, headers }, secret, now)).toEqual({ ok: false, reason: 'missing_signature' });
  });
});
