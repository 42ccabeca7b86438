import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { operateDocument } from './http/server.ts';

it('docs/openapi-operate.json is the document of the operator\'s API; `npm run openapi` writes it', async () => {
  const copy = JSON.parse(await readFile(new URL('../../docs/openapi-operate.json', import.meta.url), 'utf8')) as { paths: object };
  expect(copy).toEqual(JSON.parse(JSON.stringify(await operateDocument())));
  expect(Object.keys(copy.paths).sort()).toEqual([
    '/v1/certificates', '/v1/certificates/{id}', '/v1/certificates/{id}/findings',
    '/v1/change-sets', '/v1/change-sets/{id}', '/v1/change-sets/{id}/decide',
    '/v1/conflicts', '/v1/conflicts/clusters', '/v1/conflicts/resolve', '/v1/conflicts/settle', '/v1/dead-letters', '/v1/dead-letters/replay', '/v1/dead-letters/{id}',
    '/v1/deleted', '/v1/deleted/contact', '/v1/deleted/restore', '/v1/erasures', '/v1/erasures/{tenant}/{id}', '/v1/erasures/{tenant}/{id}/lift', '/v1/explain', '/v1/history', '/v1/integrations',
    '/v1/integrations/{tenant}/{integration}', '/v1/integrations/{tenant}/{integration}/pause', '/v1/integrations/{tenant}/{integration}/resume',
    '/v1/repairs', '/v1/status', '/v1/undo', '/v1/verifications', '/v1/verifications/{id}', '/v1/verifications/{id}/cancel', '/v1/what-if',
  ]);
});
