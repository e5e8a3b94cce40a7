import { defineConfig } from 'vitest/config';

const LAB = 'test/lab/**/*.test.ts';

// Two groups, one after the other: what sends real packets on real nodes must not compete for the
// processor with anything, and there is one lab on a machine.
export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    restoreMocks: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'fuzz/**/*.test.ts'],
          exclude: [LAB],
          // Files share what their worker has loaded and compiled already; none leaves anything behind.
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'lab',
          include: [LAB],
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
