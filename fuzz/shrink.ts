import type { Form } from './target.ts';

const MOST_TRIES = 3000;

/** A smaller input that still `fails`: pieces are left out, large ones first, as long as that goes. */
export function shrunk<I>(form: Form<I>, input: I, fails: (input: I) => boolean): I {
  let best = input;
  let tries = 0;
  for (let step = Math.ceil(form.size(best) / 2); step >= 1; step = Math.floor(step / 2)) {
    let at = 0;
    while (at < form.size(best) && tries < MOST_TRIES) {
      tries += 1;
      const smaller = form.without(best, at, Math.min(form.size(best), at + step));
      if (fails(smaller)) best = smaller;
      else at += step;
    }
  }
  return best;
}
