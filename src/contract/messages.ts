import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { Id, NullableTime, Time } from './schemas.ts'

/** Why a message could not be delivered, in the words of ports/delivery-error, or because its time has passed. */
export const messageFailures = [
  'unreachable',
  'uncertain',
  'throttled',
  'refused',
  'misconfigured',
  'expired',
  'lapsed',
] as const
export type MessageFailure = (typeof messageFailures)[number]
const MessageFailure = Type.Enum([...messageFailures])

export const messageStates = ['queued', 'sent', 'delivered', 'failed'] as const
export type MessageState = (typeof messageStates)[number]
const MessageState = Type.Enum([...messageStates])

export const readMessage = defineOperation({
  id: 'message.read',
  method: 'GET',
  url: '/v1/messages/:message_id',
  summary: 'What became of a message that was just asked for. Its id is known to whoever asked for it alone.',
  access: 'anyone',
  stepUp: null,
  params: Type.Object({ message_id: Id }, { additionalProperties: false }),
  status: 200,
  answer: Type.Object({
    /** At a login it tells of the channel and not of the destination, which may not exist. */
    state: MessageState,
    /** Of a failed one; `null` for the others, and at a login. */
    failure: Type.Union([MessageFailure, Type.Null()]),
  }),
  problems: ['not_found'],
})

export const listMessages = defineOperation({
  id: 'admin.list_messages',
  method: 'GET',
  url: '/v1/admin/messages',
  summary: 'Messages and what became of them, the newest first; never what they say.',
  access: 'admin',
  scope: 'messages',
  stepUp: null,
  query: Type.Object(
    {
      state: Type.Optional(MessageState),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
      /** The `next` of an earlier answer. */
      before: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    },
    { additionalProperties: false },
  ),
  status: 200,
  answer: Type.Object({
    messages: Type.Array(
      Type.Object({
        id: Id,
        username: Type.Union([Type.String(), Type.Null()]),
        channel: Type.Enum(['email', 'phone']),
        purpose: Type.Enum(['login', 'step_up', 'bind', 'notice']),
        state: MessageState,
        failure: Type.Union([MessageFailure, Type.Null()]),
        provider: Type.Union([Type.String(), Type.Null()]),
        attempts: Type.Integer(),
        created_at: Time,
        sent_at: NullableTime,
      }),
    ),
    next: Type.Union([Type.String(), Type.Null()]),
    /** Providers that are left out now, and why. */
    providers: Type.Array(
      Type.Object({
        provider: Type.String(),
        failure: Type.Union([MessageFailure, Type.Null()]),
        failures: Type.Integer(),
        since: Time,
        /** Until when it is left out; `null`: it is in use. */
        retry_at: NullableTime,
      }),
    ),
  }),
  problems: [],
})
