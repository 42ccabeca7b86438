/** The token of a preview: when it was made and of which scope, so that the deed is of just what was shown. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { UndoBody } from '../../../schemas/api-history.ts';
import { SyncError } from '../../../schemas/errors.ts';

const zPreview = z.strictObject({
  at: z.int(), since: z.int(), until: z.int(),
  tenant: z.string(), integration: z.string().optional(), rule: z.string().optional(), group: z.string().optional(), contact: z.string().optional(),
});
/** What was previewed, and when. */
export type Preview = z.output<typeof zPreview>;

export function tokenOf(preview: Preview): string {
  const body = Buffer.from(JSON.stringify(preview)).toString('base64url');
  return `${body}.${checksum(body)}`;
}

/** Throws SyncError `change_malformed` for what is no token, or one of another scope than is named beside it. */
export function previewOf(token: string, body: UndoBody): Preview {
  const [text = '', check] = token.split('.');
  if (check !== checksum(text)) throw new SyncError('change_malformed', 'this is no token of a preview; copy it whole');
  const preview = zPreview.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
  const other = (['tenant', 'integration', 'rule', 'group', 'contact'] as const).find((name) => body[name] !== undefined && body[name] !== preview[name]);
  if (other !== undefined) throw new SyncError('change_malformed', `the token is of a preview with another ${other}`);
  return preview;
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 8);
}
