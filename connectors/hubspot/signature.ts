/**
 * HubSpot request signatures (fact sheet §4).
 *
 * v3: base64(HMAC-SHA256(client secret, METHOD + URI + raw body + timestamp in ms)). The URI is the public URL that
 * HubSpot was given, never one rebuilt from a Host header; only a documented list of escapes is decoded in it. The
 * body is the raw bytes as received. A timestamp is refused when it is missing, not a plain integer, or further than
 * the tolerance from now in either direction. Comparison takes constant time.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Documented tolerance between the signed timestamp and now, in milliseconds. */
export const SIGNATURE_TOLERANCE_MS = 300_000;

/** Header names in the lower case in which Node gives them. */
export const SIGNATURE_V3_HEADER = 'x-hubspot-signature-v3';
export const TIMESTAMP_HEADER = 'x-hubspot-request-timestamp';

export type SignatureVerdict = 'valid' | 'missing' | 'bad_timestamp' | 'stale' | 'mismatch';

export interface SignedRequest {
  /** Client secret of the app. */
  readonly secret: string;
  readonly method: string;
  /** The configured public URL with its query. */
  readonly url: string;
  readonly body: Uint8Array;
  readonly signature: string | undefined;
  /** Header value: milliseconds since 1970 in decimal digits. */
  readonly timestamp: string | undefined;
  readonly nowMs: number;
  readonly toleranceMs?: number;
}

const DECODED_ESCAPES = /%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi;
const PLAIN_MILLISECONDS = /^\d{1,15}$/;

/** Decodes the documented escapes and leaves every other one (such as %20 or %25) as it is. */
export function decodeSignedUri(uri: string): string {
  return uri.replace(DECODED_ESCAPES, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** The v3 signature of a request as raw bytes. */
function signatureBytesV3(secret: string, method: string, url: string, body: Uint8Array, timestamp: string): Buffer {
  return createHmac('sha256', secret)
    .update(method.toUpperCase() + decodeSignedUri(url))
    .update(body)
    .update(timestamp)
    .digest();
}

/** Signs a request as HubSpot does for `X-HubSpot-Signature-v3`. */
export function signV3(request: {
  readonly secret: string;
  readonly method: string;
  readonly url: string;
  readonly body: Uint8Array;
  readonly timestampMs: number;
}): string {
  const { secret, method, url, body, timestampMs } = request;
  return signatureBytesV3(secret, method, url, body, String(timestampMs)).toString('base64');
}

/** Signs a body as HubSpot does for `X-HubSpot-Signature` with version v1 (hex; no timestamp, hence never accepted). */
export function signV1(secret: string, body: Uint8Array): string {
  return createHash('sha256').update(secret).update(body).digest('hex');
}

/** Verifies a v3 signature. Only `valid` may be let through; the other verdicts are for counting. */
export function verifySignatureV3(request: SignedRequest): SignatureVerdict {
  const { signature, timestamp, nowMs } = request;
  if (!signature || !timestamp) return 'missing';
  if (!PLAIN_MILLISECONDS.test(timestamp)) return 'bad_timestamp';
  const distanceMs = Math.abs(nowMs - Number(timestamp));
  if (!(distanceMs <= (request.toleranceMs ?? SIGNATURE_TOLERANCE_MS))) return 'stale';
  const expected = signatureBytesV3(request.secret, request.method, request.url, request.body, timestamp);
  const given = Buffer.from(signature, 'base64');
  if (given.toString('base64') !== signature || given.length !== expected.length) return 'mismatch';
  return timingSafeEqual(given, expected) ? 'valid' : 'mismatch';
}
