import type { AnswerWith } from './method.ts'

export const answerWithTotp: AnswerWith = async ({ interaction, purpose }) => ({
  method: 'totp',
  code: await interaction.code({ purpose, channel: 'totp', destination: '' }),
})
