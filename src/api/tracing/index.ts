export { Tracing, type TraceRequest } from './tracing.ts';
