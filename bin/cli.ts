/**
 * The command line: one command per file in `commands/`, named like it. A file exports
 * `register(program)`, which adds its command; it is imported only when its command, or help, is asked for.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';

type CommandFile = { register(program: Command): void };

const COMMANDS_DIR = join(import.meta.dirname, 'commands');

/** Runs one command line. What a command throws is printed as one message; the exit code then is 1 unless it was set. */
export async function main(argv: readonly string[]): Promise<void> {
  quietKafkaTimers();
  const program = new Command('bevatel-sync')
    .description("Keeps the contacts of Bevatel and of its clients' CRMs consistent, in both directions.")
    .enablePositionalOptions()
    .showHelpAfterError('(see bevatel-sync --help)');
  try {
    const names = await commandNames();
    const wanted = names.filter((name) => name === argv[2]);
    for (const name of wanted.length > 0 ? wanted : names) await load(name, program);
    await program.parseAsync([...argv]);
  } catch (error) {
    console.error(process.env['DEBUG'] === undefined && error instanceof Error ? error.message : error);
    process.exitCode ??= 1;
  }
}

async function commandNames(): Promise<string[]> {
  const files = (await readdir(COMMANDS_DIR)).filter((file) => /^[a-z-]+\.ts$/.test(file));
  return files.map((file) => file.slice(0, -'.ts'.length)).sort();
}

async function load(name: string, program: Command): Promise<void> {
  const file = await import(`./commands/${name}.ts`) as CommandFile;
  file.register(program);
}

/** kafkajs 2.2 makes Node 24 warn of a timer in the past, to no effect; every other warning is printed. */
function quietKafkaTimers(): void {
  const [print] = process.listeners('warning');
  if (print === undefined) return;
  process.off('warning', print);
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') print(warning);
  });
}
