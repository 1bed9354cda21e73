/** `node scripts/run.js PATH …` runs PATH.ts of this checkout with the same care for the Node version as bin/. */
import { fileURLToPath } from 'node:url'
import { run } from '../bin/launch.js'

const [path = '', ...args] = process.argv.slice(2)
await run(fileURLToPath(new URL(`../${path}.ts`, import.meta.url)), args)
