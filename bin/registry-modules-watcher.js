#!/usr/bin/env node
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { launch } from './launch.js'

/** As in gitops-sync-registry.js: what Node makes of the types of a checkout is kept. */
const cache = fileURLToPath(new URL('../node_modules/.cache/regista', import.meta.url))
if (existsSync(new URL('../src', import.meta.url)) && !process.env['NODE_COMPILE_CACHE']) {
  module.enableCompileCache?.(cache)
  process.env['NODE_COMPILE_CACHE'] = cache
}

await launch('commands/drop-in/registry-modules-watcher')
