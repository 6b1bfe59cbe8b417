// What several parts of the page share: the question that the list answers, the open candidate, and who is to hear of a change.
const PAGE = 100; // rows of the list at a time
const ask = { search: "", must: [], not: [], hide: [], families: [], conditions: [], ids: null, sort: "rank", falling: false, from: 0, count: PAGE };
const noFilter = { search: "", must: [], not: [], hide: [], families: [], conditions: [], sort: "rank", falling: false };
const state = { openId: null, chosen: false }; // chosen: by a reader or a link, and not because it stands first

// Events: "asked" (the list is asked anew), "open" (a row was chosen), "shortlist" (it has changed).
const listeners = {};
function listen(event, act) {
  (listeners[event] ??= []).push(act);
}
function tell(event, ...what) {
  for (const act of listeners[event] ?? []) act(...what);
}

export { PAGE, ask, noFilter, state, listen, tell };
