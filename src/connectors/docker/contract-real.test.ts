import { after } from 'node:test'
import { skipWithoutContainers } from '../../../tests/parts/podman.ts'
import { engineContract } from './testing/contract.ts'
import { podmanGrounds } from './testing/grounds.ts'

const grounds = podmanGrounds()
after(() => grounds.close())

engineContract('podman', await skipWithoutContainers(), grounds.open)
