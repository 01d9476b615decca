import i18next from 'i18next'
import type { Locale } from '../domain/domain.ts'

/** What people read on the pages that their browser shows. Both languages have the same keys; a test holds them to it. */
export const enPages = {
  invitation_title: 'Bind your WeChat to {{username}} at {{service}}?',
  invitation_asked: 'At a terminal, this was asked for:',
  invitation_account: 'Account',
  invitation_begun: 'Begun',
  invitation_begun_at: '{{time}} UTC',
  invitation_source: 'Signed in from',
  invitation_client: 'With',
  invitation_warning:
    'Go on only if you began this yourself, at your own terminal, just now. If somebody sent you this QR code or address, tap "This was not me": your WeChat would be bound to their account.',
  invitation_elsewhere: 'This is not the browser of WeChat. To go on, scan the QR code with WeChat itself.',
  invitation_go_on: 'Go on',
  invitation_decline: 'This was not me',
  over_title: 'This QR code does not work any more',
  over_what: 'It has expired, has been used, or never existed. Nothing was changed.',
  over_next: 'Scan the one that your terminal shows now; "hufu bind wechat" shows a new one.',
  declined_title: 'Nothing was bound',
  declined_what: 'The request has ended, and the terminal that made it says so.',
  declined_next: 'If somebody sent you the QR code, do not scan another one of theirs.',
  bound_title: 'Done: your WeChat is bound to {{username}}',
  bound_what: 'You can close this page; your terminal says the same.',
  bound_undo: 'If this was not you, tell the owner of the QR code to run "hufu unbind wechat".',
  code_title: 'One more step: type this code at your terminal',
  code_what: 'It binds your WeChat to {{username}} at {{service}}, and is good for {{minutes}} minutes.',
  code_warning:
    'Type it only at your own terminal, where you yourself ran "hufu bind wechat". If somebody sent you the QR code or asks you for this code, give it to nobody, and close this page.',
  used_title: 'Somebody else scanned this QR code first',
  used_what:
    'Nothing was changed by this. If it was yours alone, cancel at your terminal with Ctrl-C, and run "hufu bind wechat" again.',
  ended_title: 'This request is over',
  ended_what:
    'It was cancelled or ran out at the terminal, or somebody was bound by it already: the terminal shows which. Your visit to this page changed nothing.',
  already_bound_title: 'Your WeChat is bound to {{username}} already',
  already_bound_what: 'Nothing was changed. You can close this page.',
  bound_elsewhere_title: 'Your WeChat is bound to another account',
  bound_elsewhere_what:
    'At {{service}}, one WeChat belongs to one account, so nothing was changed. Unbind it there first: "hufu unbind wechat".',
  start_again: 'Start again',
  unbound_what: 'Nothing was bound.',
  rescan: 'Scan the QR code on your terminal again.',
  snapshot_title: 'WeChat shows you a preview only',
  snapshot_what:
    'In a preview WeChat gives us a stand-in in your place, so nothing was bound. Tap "Use full service" (使用完整服务) at the foot of the page, then start again.',
  not_authorised_title: 'WeChat did not tell us who you are',
  code_refused_title: "WeChat's answer came too late, or twice",
  unavailable_title: 'WeChat does not answer',
  unavailable_what: 'Nothing was bound. Try again in a minute.',
  foreign_title: 'This page was not opened from a request of yours',
  foreign_what:
    'The request is over, or another browser began it. Nothing was changed. Scan the QR code at your terminal again, and stay in the browser that it opens.',
  foreign_form_title: 'This form came from somewhere else',
  foreign_form_what: 'For your safety nothing was changed. Scan the QR code on your terminal yourself.',
  throttled_title: 'Too many pages in a short time',
  throttled_what: 'Nothing was changed. Try again in {{seconds}} seconds.',
  invalid_title: 'This address is not whole',
  invalid_what: 'Nothing was changed. Scan the QR code on your terminal again.',
  fault_title: 'The account server made a mistake',
  fault_what: 'Whether something was changed, your terminal shows. The operator finds the cause in the log.',
} as const

export type PageMessageKey = keyof typeof enPages

export const zhPages: Readonly<Record<PageMessageKey, string>> = {
  invitation_title: '将您的微信绑定到 {{service}} 账户 {{username}}？',
  invitation_asked: '有终端发起了以下请求：',
  invitation_account: '账户',
  invitation_begun: '发起时间',
  invitation_begun_at: '{{time}} UTC',
  invitation_source: '登录来源',
  invitation_client: '客户端',
  invitation_warning:
    '仅当这是您本人刚刚在自己的终端上发起时，才可继续。如果二维码或链接是别人发给您的，请点“不是我”，否则您的微信会被绑定到对方的账户。',
  invitation_elsewhere: '当前不是微信内置浏览器。如需继续，请使用微信“扫一扫”扫描二维码。',
  invitation_go_on: '继续',
  invitation_decline: '不是我',
  over_title: '此二维码已失效',
  over_what: '二维码已过期、已使用或不存在，未做任何变更。',
  over_next: '请扫描终端上当前显示的二维码；运行 hufu bind wechat 可获取新的二维码。',
  declined_title: '未绑定',
  declined_what: '本次请求已终止，发起请求的终端会收到提示。',
  declined_next: '如果二维码是别人发给您的，请勿再扫描对方的其他二维码。',
  bound_title: '绑定成功：您的微信已绑定到 {{username}}',
  bound_what: '可以关闭此页面，终端上会显示同样的结果。',
  bound_undo: '如非本人操作，请让二维码的主人运行 hufu unbind wechat 解绑。',
  code_title: '还差一步：在终端上输入此验证码',
  code_what: '输入后，您的微信将绑定到 {{service}} 账户 {{username}}。验证码 {{minutes}} 分钟内有效。',
  code_warning:
    '请只在您本人运行 hufu bind wechat 的终端上输入。如果二维码是别人发给您的，或有人向您索要验证码，请勿告诉任何人，并关闭此页面。',
  used_title: '已有他人先扫描了此二维码',
  used_what: '未因此做任何变更。如果此二维码只有您本人使用，请在终端上按 Ctrl-C 取消，再重新运行 hufu bind wechat。',
  ended_title: '本次请求已结束',
  ended_what: '请求已在终端上取消或过期，或已有人通过它完成绑定，请以终端显示为准。打开此页面未做任何变更。',
  already_bound_title: '您的微信已绑定到 {{username}}',
  already_bound_what: '无需重复绑定，未做任何变更。可以关闭此页面。',
  bound_elsewhere_title: '您的微信已绑定到其他账户',
  bound_elsewhere_what:
    '在 {{service}}，一个微信只能绑定一个账户，因此未做任何变更。请先在原账户运行 hufu unbind wechat 解绑。',
  start_again: '重新开始',
  unbound_what: '未做任何绑定。',
  rescan: '请重新扫描终端上的二维码。',
  snapshot_title: '当前是微信的快照页',
  snapshot_what: '在快照页中，微信提供的是虚拟账号，因此未做绑定。请点页面底部的“使用完整服务”，然后重新开始。',
  not_authorised_title: '微信未告知您的身份',
  code_refused_title: '微信授权已过期或已使用',
  unavailable_title: '微信暂无响应',
  unavailable_what: '未做任何绑定，请一分钟后重试。',
  foreign_title: '此页面不是由您的请求打开的',
  foreign_what: '请求已结束，或由其他浏览器发起，未做任何变更。请重新扫描终端上的二维码，并在打开的浏览器中完成操作。',
  foreign_form_title: '此表单来自其他网站',
  foreign_form_what: '为了您的安全，未做任何变更。请自行扫描终端上的二维码。',
  throttled_title: '打开页面过于频繁',
  throttled_what: '未做任何变更，请 {{seconds}} 秒后重试。',
  invalid_title: '网址不完整',
  invalid_what: '未做任何变更，请重新扫描终端上的二维码。',
  fault_title: '账户服务器出错',
  fault_what: '是否已变更以终端显示为准，原因请管理员查看日志。',
}

const i18n = i18next.createInstance()
i18n.init({
  resources: { en: { translation: enPages }, 'zh-CN': { translation: zhPages } },
  fallbackLng: 'en',
  initAsync: false,
  keySeparator: false,
  // The page escapes what it is given.
  interpolation: { escapeValue: false },
})

/** A sentence of a page, as plain text. */
export const pageSentence = (
  locale: Locale,
  key: PageMessageKey,
  values: Readonly<Record<string, string>> = {},
): string => i18n.t(key, { lng: locale, ...values })
