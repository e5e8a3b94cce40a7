/** Chromium as Debian installs it, quiet and without a network of its own. */
export const EXECUTABLE = '/usr/bin/chromium';
export const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
] as const;
