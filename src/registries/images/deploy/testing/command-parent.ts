/** A process that runs a command which does not end: to be killed by a test. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../../../kernel/clock.ts'
import { commandDeployer } from '../command-config.ts'
import { createCommandDeployer } from '../command.ts'
import { requestFor, stageFor } from './releases.ts'

const folder = process.argv[2]!
const script = 'sleep 100 & echo $! > child; echo $$ > self; while :; do sleep 0.05; done'
const settings = commandDeployer.parse({ command: ['/bin/sh', '-c', script], kill_after: '1s' })
const deployer = createCommandDeployer('run', settings, {
  clock: systemClock,
  base: folder,
  env: process.env,
})
const ready = setInterval(() => {
  if (!existsSync(join(folder, 'self'))) return
  clearInterval(ready)
  writeFileSync(join(folder, 'ready'), '')
}, 5)
const tools = { handle: null, say: () => {}, fence: () => {} }
await deployer.deploy(requestFor(stageFor(), '1'), tools, new AbortController().signal)
