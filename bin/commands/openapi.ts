/** `bevatel-sync openapi`: writes the documents of both APIs anew, docs/openapi-capture.json and docs/openapi-operate.json. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { action, strict } from '../terminal/failure.ts';

export function register(program: Command): void {
  strict(program.command('openapi')).description('render docs/openapi-*.json from the schemas').action(action(async () => {
    const { openapiDocument } = await import('../../services/capture/http.ts');
    const { operateDocument } = await import('../../services/operate/http/server.ts');
    await write('openapi-capture.json', await openapiDocument());
    await write('openapi-operate.json', await operateDocument());
  }));
}

async function write(name: string, document: object): Promise<void> {
  await writeFile(new URL(`../../docs/${name}`, import.meta.url), `${JSON.stringify(document, null, 2)}\n`);
}
