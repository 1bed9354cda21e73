/** Makes a process of a test silent. */
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const bound = 10_000

/** Stops a process; it goes on with SIGCONT. Each of its threads stops when it gets to it: waits for all of them. */
export async function suspend(child: ChildProcess): Promise<void> {
  child.kill('SIGSTOP')
  const until = performance.now() + bound
  while (!hasStopped(child.pid!)) {
    if (performance.now() > until) throw new Error(`process ${child.pid} did not stop in ${bound} ms`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

function hasStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks).every((task) => {
    try {
      // proc(5): the state follows the name in brackets.
      return /\) T /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'))
    } catch {
      // a thread that ended meanwhile
      return true
    }
  })
}
