import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'

/** The header that every answer of hufud carries: its version. By it a client knows a hufud from something else. */
export const serverHeader = 'hufud-version'

/** The header that carries a step-up proof. */
export const proofHeader = 'hufu-proof'

export const readHealth = defineOperation({
  id: 'server.ready',
  method: 'GET',
  url: '/readyz',
  summary: 'Whether this process can serve: the database answers.',
  access: 'anyone',
  stepUp: null,
  status: 200,
  answer: Type.Object({ status: Type.Literal('ok'), time: Type.String() }),
  problems: ['busy'],
})

export const readLiveness = defineOperation({
  id: 'server.live',
  method: 'GET',
  url: '/livez',
  summary: 'Whether this process runs.',
  access: 'anyone',
  stepUp: null,
  status: 200,
  answer: Type.Object({ status: Type.Literal('ok') }),
  problems: [],
})
