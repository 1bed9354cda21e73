/** kill -9 of a server under load, 100 times: no acknowledged registration or transition is lost. */
import { killServices } from '../tests/parts/services-kill.ts'
import type { Proofs } from './report.ts'

export const proofs: Proofs = {
  'services.kill': async (report, { long }) => {
    const rounds = long ? 100 : 10
    const { kills, registrations, transitions, events } = await killServices(rounds, Math.random)
    const figure = `${registrations} registrations and ${transitions} transitions acknowledged, none lost in ${kills} kills; ${events} events verify`
    report({ ok: kills === rounds && registrations >= kills, figure })
  },
}
