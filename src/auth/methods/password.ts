import type { AnswerWith } from './method.ts'

export const answerWithPassword: AnswerWith = async ({ interaction }) => ({
  method: 'password',
  password: await interaction.password(),
})
