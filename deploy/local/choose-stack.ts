/**
 * Decides, alone and for everything in the project, which stack there is: given → Docker engine → embedded.
 * `STACK=given|docker|embedded` forces one. All three give the same four addresses.
 */
import { findBackgroundStack } from './background-stack.ts';
import { dockerAnswers, startDockerStack } from './docker-stack.ts';
import { type EmbeddedStackOptions, startEmbeddedStack } from './embedded-stack.ts';
import { givenStack } from './given-stack.ts';
import { type Stack, StackUnavailable } from './stack.ts';

export type OpenStackOptions = Pick<EmbeddedStackOptions, 'dataDir' | 'artifactsDir' | 'ephemeral'> & {
  /** Default: the process's environment. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Told what is going on, a line at a time. */
  readonly log?: (line: string) => void;
};

/**
 * Opens the stack. What it starts ends with `stop` and with this process at the latest; a background stack
 * (`bevatel-sync stack up`) on the same data folder is used as it is and left running.
 * @throws StackUnavailable in words for the person at the terminal.
 */
export async function openStack(options: OpenStackOptions = {}): Promise<Stack> {
  const { environment = process.env, log = () => undefined } = options;
  const wish = (environment['STACK'] ?? '').trim();
  switch (wish) {
    case 'given': return givenStack(environment);
    case 'docker': return startDockerStack({ log });
    case 'embedded': return openEmbedded(options);
    case '': return await tryDocker(environment, log) ?? openEmbedded(options);
    default: throw new StackUnavailable(`STACK=${wish} is unknown: use given, docker or embedded, or leave it unset`);
  }
}

async function tryDocker(environment: NodeJS.ProcessEnv, log: (line: string) => void): Promise<Stack | undefined> {
  if (!(await dockerAnswers(environment))) return undefined;
  try {
    return await startDockerStack({ log });
  } catch (error) {
    log(`${error instanceof Error ? error.message : String(error)}; using the embedded stack instead`);
    return undefined;
  }
}

async function openEmbedded(options: OpenStackOptions): Promise<Stack> {
  const urls = options.ephemeral === true ? undefined : await findBackgroundStack(options.dataDir);
  if (urls !== undefined) return { kind: 'embedded', urls, stop: () => Promise.resolve() };
  return startEmbeddedStack(options);
}
