import type { Ms } from '../../kernel/clock.ts'

/** The promise's answer, or an error naming `what` when it takes longer than `bound` of real time. */
export async function within<T>(promise: Promise<T>, bound: Ms, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${bound} ms`)), bound)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
