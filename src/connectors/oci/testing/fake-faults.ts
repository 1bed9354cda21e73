/** What can be wrong with the answer of a registry. */

export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: Uint8Array
}

/**
 * hang: nothing is ever sent; drop: the connection is closed instead; half-way: after the headers and
 * half of the body. Else what becomes of the answer that the registry would have given.
 */
export type Fault = 'hang' | 'drop' | 'hang-half-way' | 'drop-half-way' | ((answer: Answer) => Answer | Promise<Answer>)

export function refused(status: number, headers: Readonly<Record<string, string>> = {}, text?: string): Fault {
  const body = Buffer.from(text ?? JSON.stringify({ errors: [{ code: 'UNKNOWN', message: `status ${status}` }] }))
  const type = text === undefined ? 'application/json' : 'text/html'
  return () => ({ status, headers: { 'content-type': type, ...headers }, body })
}

/** A header that is not there at all: undefined. */
export function withHeaders(changed: Readonly<Record<string, string | undefined>>): Fault {
  return (answer) => {
    const headers = { ...answer.headers, ...changed }
    const entries = Object.entries(headers).filter(([, value]) => value !== undefined)
    return { ...answer, headers: Object.fromEntries(entries) as Answer['headers'] }
  }
}

export function withBody(change: (body: Buffer) => Uint8Array | string): Fault {
  return (answer) => ({ ...answer, body: Buffer.from(change(Buffer.from(answer.body)) as Uint8Array) })
}

/** It is optional in the specification. */
export const withoutDigest = withHeaders({ 'docker-content-digest': undefined, 'etag': undefined })

/** Ends early, and says that this is all. */
export const truncated = withBody((body) => body.subarray(0, body.length >> 1))

/** As long as before. */
export const altered = withBody((body) => {
  const at = body.length >> 1
  if (body.length > 0) body[at] = body[at]! ^ 1
  return body
})

/** An answer that goes on: more than was announced in a descriptor. */
export const prolonged = withBody((body) => Buffer.concat([body, body, Buffer.from('more')]))

/** What a proxy or a login page puts in the place of a registry. */
export const page: Fault = (answer) => ({
  ...answer,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<html>Please log in</html>'),
})

/** `change` gets the address that the next page has, null on the last one. */
export function withLink(change: (next: string | null) => string | null): Fault {
  return (answer) => {
    const next = /<([^>]*)>/.exec(String(answer.headers['link'] ?? ''))?.[1] ?? null
    const changed = change(next)
    const { link: _, ...headers } = answer.headers
    return { ...answer, headers: changed === null ? headers : { ...headers, link: `<${changed}>; rel="next"` } }
  }
}

export function redirected(to: string, status = 307): Fault {
  return () => ({ status, headers: { location: to }, body: Buffer.alloc(0) })
}

export function late(milliseconds: number): Fault {
  return async (answer) => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    return answer
  }
}
