import { Failure } from '../../base/failure.ts';
import type { Plan, PlanContext } from '../../model/plan.ts';
import type { Topology } from '../../model/topology.ts';
import { action, type AnyAction, type Call, type Plans, type Source } from './actions.ts';
import type { Rule } from '../auth/rules.ts';
import { checkAttribute } from './check.ts';
import { record, text, uniqueList } from './schemas.ts';

interface Tagged {
  readonly tags: readonly string[];
}

/** Tags are a set: in the order in which they came, each once. */
type Change = (tags: readonly string[], call: Call<Tagged>) => readonly string[];

function notTagged(tag: string): Failure {
  return new Failure('not_found', 'TagNotFound', `Tag ${tag} could not be found`, {
    field: 'tag',
    value: tag,
    remedy: 'GET …/tags lists all',
  });
}

const TAG = text(255, 1);

const withOne: Change = (tags, { params: { tag = '' } }) => {
  checkAttribute('tag', TAG, tag);
  return tags.includes(tag) ? tags : [...tags, tag];
};

const without: Change = (tags, { params: { tag = '' } }) => {
  if (!tags.includes(tag)) throw notTagged(tag);
  return tags.filter((each) => each !== tag);
};

/**
 * `…/{id}/tags[/{tag}]` of a resource whose objects have tags: whoever sees an object reads them,
 * whoever may update it changes them.
 */
export function tagActions(
  source: Source<object>,
  update: Plans['update'],
  access: Rule,
): readonly AnyAction[] {
  if (update === undefined) return [];
  const change =
    (to: Change) =>
    (topology: Topology, call: Call<Tagged>, context: PlanContext): Plan<object> => {
      const object = source.get(call.id, topology, call) as Tagged | undefined;
      const tags = to(object?.tags ?? [], call);
      return update(topology, call.id, { tags } as never, context, call.parent);
    };
  const shown = ({ tags }: Tagged): Tagged => ({ tags });
  return [
    action({ method: 'GET', name: 'tags', access: 'anyone', answer: shown }),
    action({
      method: 'PUT',
      name: 'tags',
      access,
      body: record({ tags: uniqueList(TAG) }),
      plan: change((_tags, { body }) => body.tags),
      answer: (object: object) => shown(object as Tagged),
    }),
    action({
      method: 'DELETE',
      name: 'tags',
      access,
      status: 204,
      plan: change(() => []),
      answer: () => undefined,
    }),
    action({
      method: 'GET',
      name: 'tags/:tag',
      access: 'anyone',
      status: 204,
      answer: ({ tags }: Tagged, _topology, { params: { tag = '' } }) => {
        if (!tags.includes(tag)) throw notTagged(tag);
      },
    }),
    action({
      method: 'PUT',
      name: 'tags/:tag',
      access,
      status: 201,
      plan: change(withOne),
      answer: () => undefined,
    }),
    action({
      method: 'DELETE',
      name: 'tags/:tag',
      access,
      status: 204,
      plan: change(without),
      answer: () => undefined,
    }),
  ];
}
