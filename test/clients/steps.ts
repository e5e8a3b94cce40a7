/** What clients are asked and must answer, as data. */

export type Who = 'admin' | 'red' | 'blue';

interface Question {
  readonly as: Who;
  /** Which client. */
  readonly by: 'openstack' | 'sdk' | 'neutron';
  /** Of a command line. */
  readonly words?: readonly string[];
  /** A method, with its keywords or its list of arguments. */
  readonly call?: string;
  readonly given?: unknown;
}

/**
 * One question and its answer. A string `$name`, in either, stands for what a step before has kept
 * under that name.
 */
export interface Step extends Question {
  /**
   * What the answer has at least, lists with no other items; a RegExp in it is matched by a string.
   * When it is a RegExp itself the question must be refused, with such words.
   */
  readonly answer: unknown;
  /** Keeps the answer's id, or the field after the colon: `net`, `mac:mac_address`. */
  readonly keep?: string;
}

type Options = Pick<Step, 'keep'> & { readonly as?: Who };

/** A command of `openstack`, in words that are parted by one space; prints JSON where it prints. */
export function cli(command: string, answer: unknown = null, options: Options = {}): Step {
  const words = command.split(' ');
  const prints = words.some((word) => /^(create|show|list|route)$/.test(word));
  const form = prints ? ['-f', 'json'] : [];
  return { as: 'red', ...options, by: 'openstack', words: [...words, ...form], answer };
}

const caller =
  (by: 'sdk' | 'neutron') =>
  (call: string, given: unknown, answer: unknown = null, options: Options = {}): Step => ({
    as: 'red',
    ...options,
    by,
    call,
    given,
    answer,
  });

/** A method of openstacksdk's connection. */
export const sdk = caller('sdk');

/** A method of neutronclient. */
export const neutron = caller('neutron');

/** The steps of a resource's life, by its name. */
export type Lives = Readonly<Record<string, readonly Step[]>>;
