export { inNamespace } from './execute.ts';
export { Lab } from './lab.ts';
export { UPLINKS } from './names.ts';
export type { Api } from './neutron.ts';
export { Vms, type Vm } from './vms.ts';
