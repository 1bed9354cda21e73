/** `npm start`: the quickstart, served until Ctrl-C. */
import { main as regista } from '../src/main.ts'
import { prepare } from './quickstart.ts'

const config = '.regista/regista.yaml'

export function main(args: readonly string[]): Promise<number> {
  prepare()
  process.stdout.write(`Regista quickstart, in .regista/ (a copy of examples/quickstart/)

  look     http://127.0.0.1:8080/api/v1/entries
           http://127.0.0.1:8080/api/v1/kv?prefix=/chora/capabilities/
           http://127.0.0.1:8080/docs
  change   a file in .regista/capabilities/, then see it, from a second terminal:
           npm run regista -- history --follow
           npm run regista -- status
  over     Ctrl-C ends it; npm run reset begins again from the example

`)
  return regista(['serve', '-c', config, ...args])
}
