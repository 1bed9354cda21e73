import { skipWithoutContainers } from '../../../tests/parts/podman.ts'
import { engineContract } from './testing/contract.ts'
import { podmanGround } from './testing/grounds.ts'

engineContract('podman', await skipWithoutContainers(), podmanGround)
