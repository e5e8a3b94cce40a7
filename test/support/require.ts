import { describe } from 'vitest';

type Suite = typeof describe | typeof describe.skip;

/**
 * `describe` for a suite that needs something the machine may lack. Where it is missing the suite is
 * skipped with one line that names it; under TIANCHI_REQUIRE_ALL=1 that is an error instead.
 * @param name What is needed, as a user would install it: `Open vSwitch`.
 */
export function requireOrSkip(name: string, available: boolean): Suite {
  if (available) return describe;
  if (process.env['TIANCHI_REQUIRE_ALL'] === '1') {
    throw new Error(
      `${name} is needed by these tests (TIANCHI_REQUIRE_ALL=1) and is not installed`,
    );
  }
  process.stderr.write(`left out: tests that need ${name}, which is not installed\n`);
  return describe.skip;
}
