/** The face of the server. */
export { createServer } from './server.ts'
export type { Addresses, InsideReply, InsideRequest, Server, ServerOptions } from './server.ts'
export { ServerSettings } from './settings.ts'
export { tokens } from './access/token.ts'
