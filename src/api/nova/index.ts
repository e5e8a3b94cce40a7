export { NovaSender } from './sender.ts';
export { novaService, type NovaOptions } from './service.ts';
