#!/usr/bin/env node
import { existsSync } from 'node:fs'
import v8 from 'node:v8'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { launch } from './launch.js'

/**
 * In a checkout Node strips the types of each file, which takes 25 MB and half a second in each thread;
 * what it made of them is kept beside the dependencies, by the digest of each file (measured on
 * Node 24.21, 2026-11: 116 MB instead of 163 in watch mode). The package has JavaScript and needs none of it.
 */
const cache = fileURLToPath(new URL('../node_modules/.cache/regista', import.meta.url))
if (existsSync(new URL('../src', import.meta.url)) && !process.env['NODE_COMPILE_CACHE']) {
  module.enableCompileCache?.(cache)
  // Threads look there alone.
  process.env['NODE_COMPILE_CACHE'] = cache
}

for (const f of (process.env.V8F ?? '').split(' ').filter(Boolean)) v8.setFlagsFromString(f)
await launch('commands/drop-in/gitops-sync-registry')
