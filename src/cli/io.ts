/** Where a command's words go and where its settings come from; tests hand in their own. */
export interface Io {
  /** Results, to stdout. */
  out(text: string): void;
  /** Everything that is not the result: errors, progress. */
  err(text: string): void;
  /** All of stdin as text. */
  stdin(): AsyncIterable<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stdout is a terminal that shows colour. */
  readonly color: boolean;
  /** Width to print in, characters. */
  readonly columns: number;
  /** Resolves when the process is asked to end (SIGTERM, SIGINT). */
  stopped(): Promise<void>;
}

export function processIo(): Io {
  let stop: Promise<void> | undefined;
  // Whoever reads stops early, as `head` does: there is nobody left to write for.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  return {
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
    stdin: () => process.stdin.setEncoding('utf8'),
    env: process.env,
    color: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
    columns: process.stdout.columns ?? 100,
    stopped: () =>
      (stop ??= new Promise((resolve) => {
        for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
      })),
  };
}

/** Runs one command line and gives its exit status. */
export type Run = (args: readonly string[], io: Io) => Promise<number>;
