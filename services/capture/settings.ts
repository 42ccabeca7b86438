/** Capture's own settings, parsed from an environment by main.ts; all faults at once, values never in the message. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SyncError } from '../../schemas/errors.ts';
import type { PublishKey } from './publish-keys.ts';

export interface CaptureSettings {
  /** The public base URL as webhook senders know it, without a trailing slash; null: the address that is listened on. */
  readonly publicUrl: string | null;
  /** Bevatel's database for change data capture; null: Bevatel publishes its changes itself. */
  readonly cdcUrl: string | null;
  /** Name of replication slot and publication. */
  readonly cdcName: string;
  readonly publishKeys: readonly PublishKey[];
  /** How long hints of an integration are gathered (ms). */
  readonly coalesceMs: number;
}

const zKeys = z.string().transform((text) => text.split(',').map((entry) => entry.trim()).filter(Boolean))
  .refine((entries) => entries.every((entry) => /^[a-z0-9][a-z0-9_-]{0,62}:\S{16,}$/.test(entry)), 'must be tenant:key, several separated by commas; a key has 16 characters at least')
  .transform((entries) => entries.map((entry): PublishKey => ({ tenantId: entry.slice(0, entry.indexOf(':')), key: entry.slice(entry.indexOf(':') + 1) })));

const zEnv = z.object({
  CAPTURE_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }).transform((url) => url.replace(/\/+$/, '')).optional(),
  BEVATEL_CDC_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }).optional(),
  BEVATEL_CDC_NAME: z.string().regex(/^[a-z0-9_]{1,63}$/, 'must be 1 to 63 of a-z, 0-9 and _').optional(),
  BEVATEL_PUBLISH_KEYS: zKeys.optional(),
  HINT_COALESCE_MS: z.coerce.number().int().min(0).max(1_000).default(5),
});

export function parseCaptureSettings(environment: Readonly<Record<string, string | undefined>>, topicPrefix: string): CaptureSettings {
  const parsed = zEnv.safeParse(Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    throw new SyncError('configuration_invalid', faults.map(({ path, message }) => `${path} ${message}`).join('; '), { faults });
  }
  const { data } = parsed;
  return {
    publicUrl: data.CAPTURE_PUBLIC_URL ?? null, cdcUrl: data.BEVATEL_CDC_URL ?? null, cdcName: data.BEVATEL_CDC_NAME ?? slotName(topicPrefix),
    publishKeys: data.BEVATEL_PUBLISH_KEYS ?? [], coalesceMs: data.HINT_COALESCE_MS,
  };
}

/** Slots belong to the whole server, so installations on one server need names of their own. */
function slotName(topicPrefix: string): string {
  return topicPrefix === '' ? 'bevatel_sync' : `bevatel_sync_${createHash('sha256').update(topicPrefix).digest('hex').slice(0, 12)}`;
}
