import type { CountedKind } from './objects.ts';

/** Limits of a project that has none of its own, by what they count; -1: any number. */
export type DefaultQuotas = Readonly<Record<CountedKind, number>>;

/** Neutron's. */
export const NEUTRON_QUOTAS: DefaultQuotas = {
  network: 100,
  subnet: 100,
  subnetpool: -1,
  port: 500,
  router: 10,
  floatingip: 50,
  security_group: 10,
  security_group_rule: 100,
  rbac_policy: 10,
};

export const NO_QUOTAS: DefaultQuotas = {
  network: -1,
  subnet: -1,
  subnetpool: -1,
  port: -1,
  router: -1,
  floatingip: -1,
  security_group: -1,
  security_group_rule: -1,
  rbac_policy: -1,
};
