export { Capture } from './capture.ts';
export { END_FORMS } from './ends.ts';
export * from './layout.ts';
export { writeTopology } from './topology.ts';
export { writeNode, type NodeReport } from './write.ts';
