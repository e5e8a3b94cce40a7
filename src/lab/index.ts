export { execute, inNamespace } from './execute.ts';
export { Lab, type LabOptions, type LabRecord } from './lab.ts';
export { UPLINKS, type LabNode } from './names.ts';
export type { Api } from './neutron.ts';
export { Vms, type Vm } from './vms.ts';
