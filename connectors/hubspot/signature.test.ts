import { Signature } from '@hubspot/api-client';
import { describe, expect, it } from 'vitest';
import { decodeSignedUri, signV1, signV3, verifySignatureV3, SIGNATURE_TOLERANCE_MS } from './signature.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');
const docsSecret = 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy';
const docsUrl = 'https://www.example.com/webhook_uri';
const ourSecret = 'bevatel-test-secret';
const ourUrl = 'https://sync.example.test/hooks/hubspot';
const eventBody =
  '[{"eventId":7,"portalId":42,"objectId":1001,"subscriptionType":"contact.creation","occurredAt":1767225600000,"attemptNumber":0}]';
const arabicBody = '[{"name":"محمد"}]';

const vectors: readonly (readonly [string, string, string, number, string])[] = [
  [docsSecret, docsUrl, "{'example_field':'example_value'}", 1693657560000, 'K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y='],
  [docsSecret, docsUrl, "{'example_field':'example_value'}", 1700000300000, 'RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw='],
  [ourSecret, ourUrl, eventBody, 1767225601000, 'OxnF8eRKYXiVDIQ2kP9IZgkp/XNbGkC0bRuKVLD/bwc='],
  [ourSecret, ourUrl, arabicBody, 1767225601000, 'F1Uim5wUVy1spRRBppXwasbPaOcYwNqOYWrVKThg+nY='],
];

const valid = {
  secret: ourSecret,
  method: 'POST',
  url: ourUrl,
  body: bytes(eventBody),
  signature: 'OxnF8eRKYXiVDIQ2kP9IZgkp/XNbGkC0bRuKVLD/bwc=',
  timestamp: '1767225601000',
  nowMs: 1767225601000,
};

describe('HubSpot signature v3', () => {
  it.each(vectors)('signs and accepts the vector of secret %s, url %s, body %s, time %d', (secret, url, text, timestampMs, signature) => {
    const body = bytes(text);
    expect(signV3({ secret, method: 'POST', url, body, timestampMs })).toBe(signature);
    const verdict = verifySignatureV3({ secret, method: 'POST', url, body, signature, timestamp: String(timestampMs), nowMs: timestampMs });
    expect(verdict).toBe('valid');
  });

  it.each(vectors)('agrees with the official client on secret %s, url %s, body %s, time %d', (clientSecret, url, requestBody, timestamp, signature) => {
    const options = { clientSecret, url, requestBody, timestamp, signature };
    expect(Signature.getSignature('POST', 'v3', options)).toBe(signature);
  });

  it('signs v1 as the fact sheet says', () => {
    expect(signV1(ourSecret, bytes(eventBody))).toBe('1280d10355d58ae7a99375f3d892ded5d587989d6b243d8bad2be90c2cb60d65');
  });

  it('accepts the last millisecond of the tolerance in both directions and refuses the next', () => {
    const at = (offsetMs: number): string => verifySignatureV3({ ...valid, nowMs: valid.nowMs + offsetMs });
    expect([at(SIGNATURE_TOLERANCE_MS), at(-SIGNATURE_TOLERANCE_MS)]).toEqual(['valid', 'valid']);
    expect([at(SIGNATURE_TOLERANCE_MS + 1), at(-SIGNATURE_TOLERANCE_MS - 1)]).toEqual(['stale', 'stale']);
  });

  it.each([
    ['missing', { signature: undefined }],
    ['missing', { timestamp: undefined }],
    ['missing', { signature: '' }],
    ['bad_timestamp', { timestamp: 'NaN' }],
    ['bad_timestamp', { timestamp: '1e12' }],
    ['bad_timestamp', { timestamp: ' 1767225601000' }],
    ['stale', { nowMs: Number.NaN }],
    ['mismatch', { timestamp: '1767225601001' }],
    ['mismatch', { body: bytes(`${eventBody} `) }],
    ['mismatch', { url: `${ourUrl}?x=1` }],
    ['mismatch', { method: 'PUT' }],
    ['mismatch', { secret: 'another' }],
    ['mismatch', { signature: 'short' }],
    ['mismatch', { signature: `${valid.signature} ` }],
  ])('answers %s for %o', (verdict, change) => {
    expect(verifySignatureV3({ ...valid, ...change })).toBe(verdict);
  });

  it('decodes only the documented escapes of the URI', () => {
    expect(decodeSignedUri('https%3A%2F%2Fh%2fp%3Fa%40%21%24%27%28%29%2A%2C%3B')).toBe("https://h/p?a@!$'()*,;");
    expect(decodeSignedUri('/a%20b%25%26%3D%2B%23')).toBe('/a%20b%25%26%3D%2B%23');
    const signature = signV3({ secret: ourSecret, method: 'POST', url: `${ourUrl}?to=a@b`, body: valid.body, timestampMs: valid.nowMs });
    expect(verifySignatureV3({ ...valid, url: `${ourUrl}?to=a%40b`, signature })).toBe('valid');
  });
});
