import { expect, test } from 'vitest';
import { pipelineFingerprint } from './fingerprint.ts';

test('the fingerprint is the same at every start', () => {
  expect(pipelineFingerprint()).toMatch(/^[0-9a-f]{16}$/);
  expect(pipelineFingerprint()).toBe(pipelineFingerprint());
});
