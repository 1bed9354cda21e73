/**
 * Starts Regista on a Node that can run it. Plain JavaScript on purpose: any Node from 16 on can read
 * this file.
 *
 * - Started by Node 24.11 or newer: the program runs in this very process.
 * - Started by an older one: the pinned Node that npm installed beside us runs it as a child. Signals
 *   and the exit code go through, and the child ends when the channel between us closes, so that no
 *   death of this process, kill -9 included, leaves an orphan.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** As `engines` in package.json: the first Node 24 whose SQLite and type stripping are not experimental. */
const oldest = { major: 24, minor: 11 }
/** Tells the child whose child it is; taken out of the environment before the program sees it. */
const marker = 'REGISTA_LAUNCHED_BY'
/** How long a child whose launcher is gone may take to finish and record before it is ended. */
const grace = 10_000
const forwarded = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'])
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Runs a program of this package: `main` is src/main.ts in a checkout and dist/main.js in a published
 * package (Node strips no types under node_modules). The module's `main(args)` resolves to the exit code.
 *
 * @param {string} program path below src/, without extension
 */
export async function launch(program) {
  const source = join(root, 'src', `${program}.ts`)
  const checkout = existsSync(source)
  if (checkout) keepStripped()
  await run(checkout ? source : join(root, 'dist', `${program}.js`))
}

/**
 * In a checkout Node strips the types of each file, which takes 25 MB and half a second in each thread; what
 * it made of them is kept beside the dependencies, by the digest of each file (measured on Node 24.21, 2026-11:
 * `regista --help` 0.12 s instead of 0.5 s, `regista serve` 146 MB instead of 191). A package has JavaScript
 * and needs none of it.
 */
function keepStripped() {
  if (process.env['NODE_COMPILE_CACHE']) return
  const cache = join(root, 'node_modules', '.cache', 'regista')
  module.enableCompileCache?.(cache)
  // Threads look there alone.
  process.env['NODE_COMPILE_CACHE'] = cache
}

/**
 * @param {string} file a module whose `main(args)` resolves to the exit code
 * @param {readonly string[]} args
 */
export async function run(file, args = process.argv.slice(2)) {
  if (!recentEnough(process.versions.node)) return runChild()
  const launched = endWithLauncher()
  const { main } = await import(pathToFileURL(file).href)
  const code = await main(args)
  process.exitCode = code
  // A signal that comes while Node takes itself apart would end the process another way than it ended.
  if (launched && process.connected) process.send?.({ ended: code })
}

/** @param {string} version */
function recentEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > oldest.major || (major === oldest.major && minor >= oldest.minor)
}

/** The child's half of the promise: a closed channel means that the launcher is gone. Tells whether there is one. */
function endWithLauncher() {
  const launcher = process.env[marker]
  delete process.env[marker]
  if (launcher === undefined || !process.channel) return false
  process.once('disconnect', () => {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), grace).unref()
    process.kill(process.pid, 'SIGTERM')
  })
  // Waiting for that must not keep a finished program alive.
  process.channel.unref()
  if (!process.connected) process.kill(process.pid, 'SIGTERM')
  return true
}

function runChild() {
  const node = pinnedNode()
  if (node === null) return refuse()
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [marker]: String(process.pid) },
  })
  // A Ctrl-C on a terminal reaches the child directly too: programs take signals that follow each
  // other within a second as one (kernel/stop.ts), because npm forwards what the terminal sent as well.
  for (const signal of forwarded) process.on(signal, () => child.kill(signal))
  child.on('error', refuse)
  /** @type {number | null} What the program ended with, whatever happens to its process after that. */
  let ended = null
  child.on('message', (message) => {
    if (typeof message === 'object' && message !== null && 'ended' in message) ended = Number(message.ended)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    if (ended !== null) process.exit(ended)
    for (const each of forwarded) process.removeAllListeners(each)
    process.kill(process.pid, signal)
    // A signal that does not end this process (ignored, or blocked by who started us).
    setTimeout(() => process.exit(128 + constants.signals[signal]), 100)
  })
}

/** Path of the Node that npm installed for this platform, or null. */
function pinnedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/package.json`)
    const node = join(dirname(manifest), 'bin', 'node')
    return existsSync(node) ? node : null
  } catch {
    return null
  }
}

function refuse() {
  const npm = `run \`npm ci\` in ${root} (it brings one for Linux on x64 and arm64), or `
  process.stderr.write(
    `Regista needs Node ${oldest.major}.${oldest.minor} or newer. This is ${process.version}, and no pinned Node ` +
      `runs here (${process.platform}-${process.arch}).\n` +
      `Next: ${existsSync(join(root, 'src')) ? npm : ''}install Node 24 from https://nodejs.org and start again.\n`,
  )
  process.exitCode = 1
}
