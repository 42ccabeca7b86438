import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openapiDocument } from './http.ts';

it('docs/openapi-capture.json is the document that the publish API serves; `npm run openapi` writes it', async () => {
  const copy = JSON.parse(await readFile(new URL('../../docs/openapi-capture.json', import.meta.url), 'utf8')) as unknown;
  expect(copy).toEqual(JSON.parse(JSON.stringify(await openapiDocument())));
});
