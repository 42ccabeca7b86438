/** The command line as a user gives it: a process of its own; what it prints and how it ends. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';

const COMMAND = join(import.meta.dirname, '..', 'bin', 'bevatel-sync.js');

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Nothing of this process's environment but what finds the programs. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env } }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}
