/** `bevatel-sync topics`: renders docs/topics.md anew from the table of topics. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { action, strict } from '../terminal/failure.ts';

export function register(program: Command): void {
  strict(program.command('topics')).description('render docs/topics.md from schemas/topics.ts').action(action(async () => {
    const { renderTopics } = await import('../../schemas/topics-doc.ts');
    const { TOPICS } = await import('../../schemas/topics.ts');
    await writeFile(new URL('../../docs/topics.md', import.meta.url), renderTopics(TOPICS));
  }));
}
