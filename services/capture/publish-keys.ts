/** Who may publish for which tenant: Bearer keys, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';

export interface PublishKey {
  readonly tenantId: string;
  readonly key: string;
}

/** The tenant of an `Authorization` header; null when no key fits. Every key is compared, whichever fits. */
export function createKeyRing(keys: readonly PublishKey[]): (authorization: string | undefined) => string | null {
  const ring = keys.map(({ tenantId, key }) => ({ tenantId, digest: digestOf(key) }));
  return (authorization) => {
    const given = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1];
    if (given === undefined) return null;
    const digest = digestOf(given);
    let tenant: string | null = null;
    for (const entry of ring) if (timingSafeEqual(entry.digest, digest)) tenant = entry.tenantId;
    return tenant;
  };
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
