import { expect, test } from 'vitest';
import { errorName } from './errors.ts';

test.each([
  [{ type: 2, code: 9 }, 'OFPBAC_BAD_OUT_GROUP'],
  [{ type: 13, code: 5 }, 'OFPTFFC_EPERM'],
  [{ type: 17, code: 13 }, 'OFPBFC_MSG_FAILED'],
  [{ type: 0xffff, code: 15, experimenter: 0x2320 }, 'NXBAC_BAD_CONJUNCTION'],
  [{ type: 13, code: 2 }, 'error type 13 code 2'],
  [{ type: 5, code: 99 }, 'error type 5 code 99'],
  [{ type: 99, code: 0 }, 'error type 99 code 0'],
  [{ type: 0xffff, code: 15, experimenter: 0x4f4e4600 }, 'error 15 of experimenter 0x4f4e4600'],
])('%j is %s', (error, name) => {
  expect(errorName({ experimenter: null, ...error })).toBe(name);
});
