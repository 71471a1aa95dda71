// npm mobizon 1.0.1, unmodified; its public test option testBaseUrl points it elsewhere.
const base = process.argv[2] || process.env.BASE_URL,
  key = process.argv[3] || process.env.API_KEY;
const api = require('mobizon')(key);
let failed = 0;
const c = (mod, met, q) =>
  new Promise((f) => api[mod][met]({ ...q, testBaseUrl: base + '/service/' }, (e, d) => f([e, d])));
const check = (n, ok, got) => {
  if (!ok) failed++;
  console.log((ok ? 'ok ' : 'FAILED ') + n + (ok ? '' : ' ' + JSON.stringify(got)));
};
(async () => {
  let e, d;
  [e, d] = await c('User', 'getOwnBalance', {});
  check('balance', !e && typeof d.balance === 'string', [e, d]);
  [e, d] = await c('message', 'sendSMSMessage', { recipient: '+77770000000', text: 'Success & +' });
  check('sendSMSMessage', !e && d.messageId && d.status === 2, [e, d]);
  const m = d && d.messageId;
  [e, d] = await c('message', 'getsmsstatus', { ids: m });
  check('getsmsstatus scalar', !e && d.length === 1, [e, d]);
  [e, d] = await c('message', 'list', { criteria: { from: '' }, withNumberInfo: 1 });
  check('message list', !e && d.items.length >= 1, [e, d && d.totalItemCount]);
  [e, d] = await c('link', 'create', { data: { fullLink: 'https://google.com' } });
  check('link create', !e && d.shortLink, [e, d]);
  const link = d;
  [e, d] = await c('link', 'get', { code: link.code });
  check('link get', !e && d.fullLink === 'https://google.com', [e, d]);
  [e, d] = await c('link', 'create', {});
  check('link create 11', e && e.code === 11, [e, d]);
  [e, d] = await c('contactGroup', 'create', { data: { name: 'all ' + Date.now() } });
  check('group create', !e && typeof d === 'string', [e, d]);
  const g = d;
  [e, d] = await c('contactCard', 'create', {
    data: { name: 'X', mobile: { value: '77071112299', type: 'MAIN' } },
  });
  check('card create by GET', !e && typeof d === 'string', [e, d]);
  const card = d;
  [e, d] = await c('contactCard', 'setGroups', { id: card, groupIds: [g] });
  check('setGroups', !e && d === true, [e, d]);
  [e, d] = await c('contactGroup', 'getCardsCount', { id: g });
  check('cards count', !e && d === '1', [e, d]);
  [e, d] = await c('campaign', 'create', { data: { text: 'Hi ' + link.shortLink, type: 2 } });
  check('campaign create by GET', !e && typeof d === 'string', [e, d]);
  const id = d;
  const many = Array.from({ length: 500 }, (_, i) => String(77010000000 + i));
  [e, d] = await c('campaign', 'addRecipients', { id, recipients: many, params: { replace: 1 } });
  check('500 recipients by GET', !e && d.length === 500, [e, d && d.length]);
  [e, d] = await c('campaign', 'addRecipients', { id, recipients: many.concat('77020000000') });
  check('501 -> 12', e && e.code === 12, [e, d]);
  [e, d] = await c('campaign', 'addRecipients', { id, recipients: ['77010000000', '77020000000'] });
  check('98 with data', e && e.code === 98 && e.data.length === 2, [e, d]);
  [e, d] = await c('campaign', 'addRecipients', { id, recipientGroups: g });
  check('100', e && e.code === 100 && e.data > 0, [e, d]);
  const task = e && e.data;
  for (let i = 0; i < 10; i++) {
    await new Promise((f) => setTimeout(f, 1100));
    [e, d] = await c('taskQueue', 'getStatus', { id: task });
    if (d && d.status === 2) break;
  }
  check('task done', d && d.status === 2 && d.progress === 100, [e, d]);
  [e, d] = await c('campaign', 'getInfo', { id });
  check('getInfo', !e && d.counters.totalMsgNum === '502', [e, d && d.counters]);
  [e, d] = await c('campaign', 'getLinks', { campaignId: id });
  check('getLinks', !e && d.length === 1, [e, d]);
  [e, d] = await c('campaign', 'list', { criteria: { id } });
  check('list', !e && d.items.length === 1, [e, d]);
  [e, d] = await c('campaign', 'send', { id });
  check('send', !e && d === 2, [e, d]);
  [e, d] = await c('user', 'getOwnBalance', { output: 'xml' });
  check('xml', !e && /<balance>/.test(d), [e, d]);
  process.exit(failed ? 1 : 0);
})();
