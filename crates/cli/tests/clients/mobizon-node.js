#!/usr/bin/env node
'use strict';
/*
 * Drives a server with the unmodified npm library mobizon-node (0.3.6).
 *   node mobizon-node.js BASE_URL KEY [SENDER]      (or BASE_URL, API_KEY, SENDER in the environment)
 * One line per check, exit code 1 on the first run with a failure, 0 otherwise.
 * Plain http works: apiServer is used as given. The library must be found by require():
 * run `npm install mobizon-node@0.3.6` beside this script or set NODE_PATH.
 */
const base = (process.argv[2] || process.env.BASE_URL || '').replace(/\/$/, '');
const key = process.argv[3] || process.env.API_KEY || '';
const sender = process.argv[4] || process.env.SENDER || '';
if (!base || !key) {
  console.error('usage: mobizon-node.js BASE_URL KEY [SENDER]');
  process.exit(2);
}

const { mobizon } = require('mobizon-node');
// Not exported by the package's index: the one function all its methods go through. It is used
// below for modules that version 0.3.6 has no wrapper for (contact groups; in the repository's
// 0.5.5 they have one), with the very parameters of those wrappers.
const { mobizonService } = require('mobizon-node/dist/services/mobizon');

let failed = 0,
  count = 0;
const is = (v, t) =>
  v === null ? t.includes('null') : t.split('|').includes(Array.isArray(v) ? 'array' : typeof v);
function check(name, ok, got) {
  count += 1;
  if (!ok) failed += 1;
  console.log(
    `${ok ? 'ok' : 'FAILED'} ${count} - ${name}${ok ? '' : ': got ' + JSON.stringify(got)}`,
  );
}
function shape(name, object, types) {
  const wrong = Object.entries(types)
    .filter(([k, t]) => !(object && k in object && is(object[k], t)))
    .map(
      ([k, t]) => `${k}: ${object && k in object ? JSON.stringify(object[k]) : 'absent'}, not ${t}`,
    );
  check(name, wrong.length === 0, wrong);
}
async function call(name, promise, want) {
  let r;
  try {
    r = await promise;
  } catch (e) {
    r = { thrown: String(e && e.message) };
  }
  const envelope =
    r &&
    typeof r === 'object' &&
    Object.keys(r).sort().join() === 'code,data,message' &&
    typeof r.code === 'number' &&
    typeof r.message === 'string';
  check(`${name}: envelope`, !!envelope, r);
  if (
    want instanceof Array
      ? !want.includes(r.code)
      : typeof want === 'function'
        ? !want(r.code)
        : r.code !== want
  )
    check(`${name}: code`, false, r);
  else check(`${name}: code ${r.code}`, true);
  if (r.code === 0) check(`${name}: message empty`, r.message === '', r.message);
  else if (envelope) check(`${name}: message for people`, r.message.length > 5, r.message);
  return r;
}
const sleep = (ms) => new Promise((f) => setTimeout(f, ms));
const TS = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;
const setConfig = (data) =>
  mobizon.setConfig({ apiServer: base, apiKey: key, format: 'json', ...data });

(async () => {
  // ---- balance
  setConfig({});
  let r = await call('getBalance', mobizon.getBalance(), 0);
  shape('getBalance: types', r.data, { balance: 'string', currency: 'string' });
  check('getBalance: four decimals', /^-?\d+\.\d{4}$/.test((r.data || {}).balance), r.data);
  setConfig({ apiKey: 'invalid_key' });
  r = await call('getBalance, wrong key', mobizon.getBalance(), 8);
  check('wrong key: data is []', Array.isArray(r.data) && r.data.length === 0, r.data);
  setConfig({ apiKey: '' });
  await call('getBalance, no key', mobizon.getBalance(), 8);
  setConfig({});

  // ---- messages
  const dataSms = { recipient: '77071112233', from: '', text: 'Sent sms.' };
  const sent = await call('sendSms', mobizon.sendSms(dataSms), 0);
  shape('sendSms: types', sent.data, {
    campaignId: 'string|number',
    messageId: 'string|number',
    status: 'number',
  });
  check('sendSms: status 1 or 2', [1, 2].includes((sent.data || {}).status), sent.data);
  const messageId = (sent.data || {}).messageId;
  if (sender)
    await call(
      'sendSms with sender',
      mobizon.sendSms({ ...dataSms, from: sender, text: 'Żółć & + % ?' }),
      0,
    );
  r = await call(
    'sendSms with params',
    mobizon.sendSms({ ...dataSms, params: { name: 'n', validity: 60, mclass: 1 } }),
    0,
  );
  r = await call(
    'sendSms, ISO deferredToTs',
    mobizon.sendSms({ ...dataSms, params: { deferredToTs: '2030-01-01T10:00:00Z' } }),
    1,
  );
  check(
    'sendSms, ISO deferredToTs: data names the field',
    r.data && Array.isArray(r.data.deferredToTs),
    r.data,
  );
  r = await call(
    'sendSms, unknown sender',
    mobizon.sendSms({ ...dataSms, from: 'NoSuchSender' }),
    1,
  );
  check(
    'sendSms, unknown sender: data.from is a list',
    r.data && Array.isArray(r.data.from),
    r.data,
  );
  r = await call('sendSms, bad recipient', mobizon.sendSms({ ...dataSms, recipient: 'abc' }), 1);
  check(
    'sendSms, bad recipient: data.recipient is a list',
    r.data && Array.isArray(r.data.recipient),
    r.data,
  );
  await call('sendSms, empty', mobizon.sendSms({}), (c) => c !== 0);
  await call('sendSms, nothing', mobizon.sendSms(), (c) => c !== 0);
  r = await call('getSms', mobizon.getSms({ ids: [messageId] }), 0);
  check(
    'getSms: one entry',
    Array.isArray(r.data) && r.data.length === 1 && String(r.data[0].id) === String(messageId),
    r.data,
  );
  shape('getSms: types', (r.data || [])[0], {
    id: 'string|number',
    status: 'string',
    segNum: 'string|number',
    startSendTs: 'string|null',
    statusUpdateTs: 'string|null',
  });
  r = await call('getSms, scalar', mobizon.getSms({ ids: messageId }), 0);
  r = await call(
    'getSms, comma string and an unknown id',
    mobizon.getSms({ ids: `${messageId},2000000000` }),
    0,
  );
  check('getSms: unknown id silently absent', Array.isArray(r.data) && r.data.length === 1, r.data);
  await call('getSms, empty', mobizon.getSms({}), 2);
  await call(
    'getSms, 101 ids',
    mobizon.getSms({ ids: Array.from({ length: 101 }, (_, i) => i + 1) }),
    12,
  );
  let status = '';
  for (
    let i = 0;
    i < 40 && !['DELIVRD', 'UNDELIV', 'REJECTD', 'EXPIRED'].includes(status);
    i += 1
  ) {
    await sleep(500);
    const s = await mobizon.getSms({ ids: [messageId] });
    status = ((s.data || [])[0] || {}).status;
    if (['DELIVRD', 'UNDELIV', 'REJECTD', 'EXPIRED'].includes(status))
      check(
        'getSms: times',
        TS.test(s.data[0].startSendTs) && TS.test(s.data[0].statusUpdateTs),
        s.data,
      );
  }
  check(
    'getSms: becomes final',
    ['DELIVRD', 'UNDELIV', 'REJECTD', 'EXPIRED'].includes(status),
    status,
  );
  r = await call(
    'listSms',
    mobizon.listSms({
      criteria: { from: '' },
      pagination: { currentPage: '2', pageSize: '50' },
      sort: { campaignId: 'ASC' },
    }),
    0,
  );
  shape('listSms: types', r.data, { items: 'array', totalItemCount: 'string' });
  r = await call(
    'listSms by campaign',
    mobizon.listSms({
      criteria: { campaignIds: [(sent.data || {}).campaignId] },
      withNumberInfo: 1,
    }),
    0,
  );
  check(
    'listSms: finds the message',
    r.data &&
      r.data.items.length === 1 &&
      r.data.totalItemCount === '1' &&
      String(r.data.items[0].id) === String(messageId),
    r.data,
  );
  shape('listSms: item types', ((r.data || {}).items || [])[0], {
    id: 'string',
    campaignId: 'string',
    segNum: 'string',
    segUserBuy: 'string',
    from: 'string',
    to: 'string',
    text: 'string',
    status: 'string',
    groups: 'null|array|string',
    countryA2: 'string',
    operatorName: 'string|null',
    startSendTs: 'string|null',
    statusUpdateTs: 'string|null',
  });
  await call('listSms, nothing', mobizon.listSms(), 0);
  await call('listSms, wrong key', (setConfig({ apiKey: 'invalid_key' }), mobizon.listSms({})), 8);
  await call('sendSms, wrong key', mobizon.sendSms(dataSms), 8);
  setConfig({});

  // ---- short links
  const dataShort = {
    data: {
      fullLink: 'https://mobizon.com.br',
      status: 1,
      expirationDate: '',
      comment: 'Created short link.',
    },
  };
  const made = await call('createShort', mobizon.createShort(dataShort), 0);
  check(
    'createShort: id, code, shortLink only',
    made.data && Object.keys(made.data).sort().join() === 'code,id,shortLink',
    made.data,
  );
  shape('createShort: types', made.data, { id: 'string', code: 'string', shortLink: 'string' });
  for (const q of ['id', 'code', 'shortLink']) {
    r = await call(`getShort by ${q}`, mobizon.getShort({ [q]: made.data[q] }), 0);
    check(
      `getShort by ${q}: same link`,
      r.data && r.data.id === made.data.id && r.data.fullLink === 'https://mobizon.com.br',
      r.data,
    );
  }
  shape('getShort: types', r.data, {
    shortLink: 'string',
    domain: 'string',
    id: 'string',
    status: 'string',
    moderatorStatus: 'string',
    isTmp: 'string',
    isCustom: 'string',
    clickCnt: 'string',
    redirectCnt: 'string',
    deletedTs: 'null',
    createTs: 'string',
    expirationDate: 'string|null',
    realExpirationDate: 'string|null',
    code: 'string',
    fullLink: 'string',
    comment: 'string',
  });
  await call('getShort, unknown', mobizon.getShort({ code: 'zzzzz' }), 2);
  r = await call(
    'listShort',
    mobizon.listShort({
      criteria: { status: '1', moderatorStatus: '1' },
      pagination: { currentPage: '2', pageSize: '50' },
      sort: { clickCnt: 'ASC' },
    }),
    0,
  );
  shape('listShort: types', r.data, { items: 'array', totalItemCount: 'string' });
  r = await call(
    'listShort, first page',
    mobizon.listShort({
      criteria: { query: 'mobizon.com.br' },
      pagination: { currentPage: '0', pageSize: '25' },
      sort: { createTs: 'DESC' },
    }),
    0,
  );
  check(
    'listShort: holds the link',
    ((r.data || {}).items || []).some((l) => l.id === made.data.id),
    r.data,
  );
  r = await call(
    'updateShort',
    mobizon.updateShort({
      id: made.data.id,
      data: { status: 0, expirationDate: '', comment: 'Before.' },
    }),
    0,
  );
  r = await call('getShort after update', mobizon.getShort({ id: made.data.id }), 0);
  check(
    'updateShort: kept',
    r.data && r.data.status === '0' && r.data.comment === 'Before.',
    r.data,
  );
  r = await call('deleteShort', mobizon.deleteShort({ ids: [made.data.id] }), 0);
  check(
    'deleteShort: processed',
    r.data &&
      Array.isArray(r.data.processed) &&
      r.data.processed.map(String).includes(made.data.id) &&
      Array.isArray(r.data.notProcessed) &&
      r.data.notProcessed.length === 0,
    r.data,
  );
  await call(
    'updateShort of a deleted link',
    mobizon.updateShort({
      ...dataShort,
      id: made.data.id,
      data: { status: 0, expirationDate: '', comment: 'Updated short link.' },
    }),
    0,
  );
  for (const type of ['monthly', 'daily', 'hourly', 'minute']) {
    r = await call(
      `getStatsShort ${type}`,
      mobizon.getStatsShort({
        ids: [made.data.id],
        type,
        criteria: { dateFrom: '2021-01-01 13:30:00' },
      }),
      0,
    );
    shape(`getStatsShort ${type}: types`, r.data, { items: 'array', totals: 'object' });
    shape(`getStatsShort ${type}: totals`, r.data && r.data.totals, {
      totalClicks0: 'number|string',
      totalRedirects0: 'number|string',
    });
  }
  await call(
    'getStatsShort, bad type',
    mobizon.getStatsShort({ ids: [made.data.id], type: 'yearly' }),
    12,
  );
  await call(
    'getStatsShort, six ids',
    mobizon.getStatsShort({ ids: [1, 2, 3, 4, 5, 6], type: 'monthly' }),
    12,
  );
  await call('createShort, empty', mobizon.createShort({}), 11);
  r = await call('createShort, no link', mobizon.createShort({ data: { status: 1 } }), 1);
  check(
    'createShort, no link: data.fullLink is a list',
    r.data && Array.isArray(r.data.fullLink),
    r.data,
  );
  await call('getShort, empty', mobizon.getShort({}), 12);
  await call('updateShort, empty', mobizon.updateShort({}), (c) => c !== 12 && c !== 0);
  await call('deleteShort, empty', mobizon.deleteShort(), 11);
  await call('getStatsShort, empty', mobizon.getStatsShort({}), 11);
  await call(
    'createShort, wrong key',
    (setConfig({ apiKey: 'invalid_key' }), mobizon.createShort(dataShort)),
    8,
  );
  setConfig({});

  // ---- contact groups (the wrappers of 0.5.5: getContactGroup, createContactGroup, ...)
  const group = (method, postParams) =>
    mobizonService({ module: 'contactgroup', method, postParams });
  const name = `group ${Date.now()}`;
  const g = await call('contactgroup/create', group('create', { data: { name } }), 0);
  check(
    'contactgroup/create: id as text',
    /^\d+$/.test(g.data) && typeof g.data === 'string',
    g.data,
  );
  r = await call('contactgroup/create, same name', group('create', { data: { name } }), 1);
  check(
    'contactgroup/create, same name: data.name[0]',
    r.data && Array.isArray(r.data.name) && typeof r.data.name[0] === 'string',
    r.data,
  );
  r = await call(
    'contactgroup/list',
    group('list', {
      criteria: { name },
      pagination: { currentPage: '0', pageSize: '25' },
      sort: { name: 'ASC' },
    }),
    0,
  );
  check(
    'contactgroup/list: holds it',
    r.data && r.data.items.length === 1 && r.data.totalItemCount === '1',
    r.data,
  );
  shape('contactgroup/list: types', r.data && r.data.items[0], {
    id: 'string',
    userId: 'string',
    name: 'string',
    cardsCnt: 'string',
    isHidden: 'string',
    createTs: 'string',
  });
  r = await call('contactgroup/list, nothing', group('list'), 0);
  r = await call('contactgroup/getcardscount', group('getcardscount', { id: g.data }), 0);
  check('contactgroup/getcardscount: "0"', r.data === '0', r.data);
  r = await call('contactgroup/getcardscount -1', group('getcardscount', { id: -1 }), 0);
  check('contactgroup/getcardscount -1: text', typeof r.data === 'string', r.data);
  r = await call(
    'contactgroup/update',
    group('update', { id: g.data, data: { name: `${name} b` } }),
    0,
  );
  check('contactgroup/update: true', r.data === true, r.data);
  r = await call('contactgroup/delete', group('delete', { id: g.data }), 0);
  check(
    'contactgroup/delete: processed',
    r.data && r.data.processed.map(String).includes(g.data) && r.data.notProcessed.length === 0,
    r.data,
  );
  r = await call('contactgroup/delete again', group('delete', { id: g.data }), 0);
  check(
    'contactgroup/delete again: notProcessed',
    r.data && r.data.processed.length === 0 && r.data.notProcessed.map(String).includes(g.data),
    r.data,
  );
  await call('contactgroup/create, empty', group('create', {}), 11);

  // ---- a campaign through the same function
  const campaign = (method, postParams) =>
    mobizonService({ module: 'campaign', method, postParams });
  r = await call(
    'campaign/create',
    campaign('create', { data: { type: 3, text: 'Hello {name}!' } }),
    0,
  );
  const id = r.data;
  check('campaign/create: id as text', typeof id === 'string', id);
  r = await call(
    'campaign/addrecipients',
    campaign('addrecipients', {
      id,
      recipients: [
        { recipient: '380971112233', name: 'Василий' },
        { recipient: '77071112233', name: 'B' },
      ],
      params: { placeholdersFlag: 3 },
    }),
    0,
  );
  check(
    'campaign/addrecipients: two added',
    r.data && r.data.length === 2 && r.data.every((e) => e.code === 0),
    r.data,
  );
  r = await call('campaign/getinfo', campaign('getinfo', { id, getFilledTplCampaignText: 1 }), 0);
  check(
    'campaign/getinfo: filled',
    r.data && r.data.text === 'Hello Василий!' && r.data.counters.totalMsgNum === '2',
    r.data,
  );
  r = await call('campaign/getlinks', campaign('getlinks', { campaignId: id }), 0);
  check('campaign/getlinks: []', Array.isArray(r.data) && r.data.length === 0, r.data);
  r = await call('campaign/send', campaign('send', { id }), 0);
  check('campaign/send: 1 or 2, a number', r.data === 1 || r.data === 2, r.data);
  r = await call('campaign/list', campaign('list', { criteria: { ids: [id] } }), 0);
  check(
    'campaign/list: found',
    r.data && r.data.totalItemCount === '1' && r.data.items[0].id === id,
    r.data,
  );
  await call('campaign/delete after Send', campaign('delete', { id }), [0, 10]);

  // ---- xml: the library hands the text through
  setConfig({ format: 'xml' });
  let xml = '';
  try {
    xml = await mobizon.getBalance();
  } catch (e) {
    xml = String(e);
  }
  check(
    'xml',
    typeof xml === 'string' && /<code>0<\/code>/.test(xml) && /<balance>/.test(xml),
    xml,
  );
  setConfig({ format: 'yaml' });
  await call('unknown output', mobizon.getBalance(), 6);

  console.log(`${count} checks, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})().catch((e) => {
  console.log(`FAILED - ${e && e.stack}`);
  process.exit(1);
});
