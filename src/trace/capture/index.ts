export { Capture } from './capture.ts';
export { writeTopology } from './topology.ts';
export { writeNode } from './write.ts';
