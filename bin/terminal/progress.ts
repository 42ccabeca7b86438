/** A line that counts records while a command reads, on a terminal only; and the signal by which ^C stops it. */
export interface Progress {
  readonly onProgress: (records: number) => void;
  clear(): void;
}

export function recordProgress(): Progress {
  const isLive = process.stderr.isTTY;
  return {
    onProgress: (records) => { if (isLive) process.stderr.write(`\r${records} records`); },
    clear: () => { if (isLive) process.stderr.write('\r\u001B[K'); },
  };
}

export function stopOnInterrupt(): AbortSignal {
  const stopping = new AbortController();
  process.once('SIGINT', () => { stopping.abort(); });
  return stopping.signal;
}
