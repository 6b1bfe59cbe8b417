// What several parts of the page share: the question that the list answers, the open candidate, and who is to hear of a change.
const PAGE = 100; // rows of the list at a time
const ask = { search: "", must: [], not: [], hide: [], families: [], conditions: [], ids: null, sort: "rank", falling: false, from: 0, count: PAGE };
const noFilter = { search: "", must: [], not: [], hide: [], families: [], conditions: [], sort: "rank", falling: false };
const PLOT = ["distance", "prediction"]; // the columns across and up, if no others are asked for
const state = { openId: null, chosen: false, plot: PLOT }; // chosen: by a reader or a link, and not because it stands first

// Events: "asked" (the list is asked anew), "open" (a row was chosen), "plotted" (other columns are plotted), "shortlist" (it has changed).
const listeners = {};
function listen(event, act) {
  (listeners[event] ??= []).push(act);
}
function tell(event, ...what) {
  for (const act of listeners[event] ?? []) act(...what);
}

export { PAGE, PLOT, ask, noFilter, state, listen, tell };
