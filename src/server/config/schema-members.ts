import * as Type from 'typebox/type'

/** A section takes no member that it does not know. */
export const closed = { additionalProperties: false } as const

/** The name of a file. */
export const fileName = (description: string, example: string) =>
  Type.String({
    description: `${description} Relative to the folder of this file.`,
    pattern: '^[^\\n\\u0000]{1,1024}$',
    examples: [example],
  })

/** The address of a provider's API. */
export const address = (description: string, base: string) =>
  Type.String({ description: `${description} https, or http on this machine.`, default: base, examples: [base] })

/** How long a call may take. */
export const timeout = (seconds: number) =>
  Type.Integer({ description: 'Seconds for a whole call.', minimum: 1, maximum: 25, default: seconds })
